import pytest
from tests.fakes.control_server import CONFIGURATION, serving


@pytest.fixture
async def server(tmp_path):
    """A control without keys, on loopback, with the provider sim and the service bot."""
    async with serving(tmp_path) as made, made.client(actor="ann@desk") as client:
        await client.apply([CONFIGURATION])
        yield made


@pytest.fixture
async def client(server):
    async with server.client(actor="ann@desk") as made:
        yield made
