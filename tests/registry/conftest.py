"""Real storage for the registry's tests: SQLite files, folders, and PostgreSQL where its server is installed."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.postgres import postgres_server, postgres_url

from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.database import Database
from tidegate.registry.migrate import migrate

__all__ = ["postgres_server", "postgres_url"]

START = datetime(2026, 9, 15, 12, tzinfo=UTC)


class Clock:
    """Every look at it is a second later."""

    def __init__(self):
        self.now = START

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path}/state.db")
    await migrate(opened, "state")
    yield opened
    await opened.close()


@pytest.fixture
def artifacts(tmp_path):
    return ArtifactStore(str(tmp_path / "artifacts"))


@pytest.fixture
async def observations_db(tmp_path):
    opened = Database(f"sqlite:///{tmp_path}/observations.db")
    await migrate(opened, "observations")
    yield opened
    await opened.close()
