from pathlib import Path

import pytest
import pytest_asyncio
from tests.fakes.control_server import CONFIGURATION, serving


def pytest_collection_modifyitems(items):
    """One event loop for the whole folder, so that a server may outlive a test."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path):
    """A control of the test's own: without keys, on loopback, with the provider sim and the service bot."""
    async with serving(tmp_path) as made, made.client(actor="ann@desk") as client:
        await client.apply([CONFIGURATION])
        yield made


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def shared(tmp_path_factory):
    """The same for a whole module: for tests that leave it as they found it, or do not mind."""
    folder = tmp_path_factory.mktemp("shared")
    async with serving(folder) as made, made.client(actor="ann@desk") as client:
        await client.apply([CONFIGURATION])
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def client(server):
    async with server.client(actor="ann@desk") as made:
        yield made
