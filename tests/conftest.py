"""What holds for every test: properties are drawn the same way in each run, and no machine is too slow."""

from hypothesis import settings

settings.register_profile("tidegate", deadline=None, derandomize=True)
settings.load_profile("tidegate")
