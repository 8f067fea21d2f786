"""Scenarios take the same course in each run."""

from types import SimpleNamespace

import pytest


@pytest.fixture(autouse=True)
def _the_same_salt_each_run(monkeypatch):
    """Which units fall to the candidate decides how soon evidence speaks: no scenario may depend on luck."""
    monkeypatch.setattr("tidegate.registry.services.secrets", SimpleNamespace(token_hex=lambda n: "5a" * n))
