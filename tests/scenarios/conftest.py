"""A world for each scenario, which takes the same course in each run."""

import random
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from tests.scenarios.world import World


@pytest.fixture(autouse=True)
def _the_same_course_each_run(monkeypatch):
    """Which units fall to which arm decides how soon evidence speaks: no scenario may depend on luck. Services have a
    salt, and an experiment is salted by its release's id."""
    monkeypatch.setattr("tidegate.registry.services.secrets", SimpleNamespace(token_hex=lambda n: "5a" * n))
    monkeypatch.setattr("tidegate.registry.identifiers.secrets", SimpleNamespace(choice=random.Random(1).choice))


@pytest.fixture
def world_settings() -> dict[str, Any]:
    """How the world differs from the ordinary one; files whose scenarios need another give their own."""
    return {}


@pytest.fixture
async def world(tmp_path, world_settings) -> AsyncIterator[World]:
    """Control, two gateways and a provider, over databases of its own."""
    made = await World.create(tmp_path, **world_settings)
    yield made
    await made.close()
