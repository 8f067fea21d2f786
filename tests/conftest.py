"""What holds for every test: properties are drawn the same way in each run, no machine is too slow, and logs that
one test set up are not another's.
"""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("tidegate", deadline=None, derandomize=True)
settings.load_profile("tidegate")


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
