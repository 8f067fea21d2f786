"""One gateway process for all hostile clients: it must outlive them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.hostile.rig import (
    PATIENT,
    QUICK,
    Running,
    ScriptedUpstream,
    running_gateway,
    running_simulator,
    service,
    snapshot,
)

MODELS = {
    "slow-model": {"answer": "late", "first_token_seconds": 30.0},
    "endless-model": {"answer": "x" * 40_000, "faults": [{"kind": "endless"}]},
    "*": {"answer": "{{ user }}"},
}


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """What it answers is up to the test."""
    made = ScriptedUpstream()
    yield made
    made.close()


@pytest.fixture(scope="session")
def simulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Models that echo, dawdle and never end."""
    with running_simulator(tmp_path_factory.mktemp("simulator"), MODELS) as url:
        yield url


@pytest.fixture(scope="session")
def table(simulator_url: str, upstream: ScriptedUpstream):
    """The services that hostile clients find."""
    return snapshot(
        {"sim": ("openai", f"{simulator_url}/v1"), "scripted": ("openai", f"{upstream.url}/v1")},
        (
            service("bot", "sim", "echo", PATIENT),
            service("slow", "sim", "slow-model", PATIENT),
            service("endless", "sim", "endless-model", PATIENT),
            service("scripted", "scripted", "m", QUICK),
        ),
    )


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory, table) -> Iterator[Running]:
    """Started once; see ``gateway``."""
    with running_gateway(tmp_path_factory.mktemp("gateway"), table) as running:
        yield running
        assert running.is_alive
        assert "Traceback" not in running.log
        assert "failed_in_gateway" not in running.log


@pytest.fixture
def gateway(shared_gateway: Running) -> Iterator[Running]:
    """The process, which still serves after each test and has no bug to report."""
    yield shared_gateway
    assert shared_gateway.chat("still there?")[1]["choices"][0]["message"]["content"] == "still there?"
    assert "Traceback" not in shared_gateway.log
