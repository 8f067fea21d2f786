"""Allocations that learn while they run, and effects that stay unbiased under them; needs numpy."""
