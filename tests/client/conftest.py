import pytest
from tests.fakes.control_server import CONFIGURATION, serving


@pytest.fixture
async def server(tmp_path):
    """A control without keys, on loopback, with the provider sim and the service bot."""
    async with serving(tmp_path) as made, made.client() as client:
        await client.apply([CONFIGURATION])
        yield made
