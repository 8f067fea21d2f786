"""What control tells of an experiment, from the same numbers that decide it."""
