"""Strategies that ask *which is better*: several arms beside stable, judged until one wins or time is up."""
