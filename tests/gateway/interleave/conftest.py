"""A gateway that never thinks itself busy: what is shed under load has its own tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.gateway.mirror.pulse.BUSY", 1e9)
