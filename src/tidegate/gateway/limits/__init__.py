"""Limits of keys as a gateway process holds to them: its slice of each, lent by control."""
