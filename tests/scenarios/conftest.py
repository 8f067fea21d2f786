"""Scenarios take the same course in each run."""

import random
from types import SimpleNamespace

import pytest


@pytest.fixture(autouse=True)
def _the_same_course_each_run(monkeypatch):
    """Which units fall to which arm decides how soon evidence speaks: no scenario may depend on luck. Services have a
    salt, and an experiment is salted by its release's id."""
    monkeypatch.setattr("tidegate.registry.services.secrets", SimpleNamespace(token_hex=lambda n: "5a" * n))
    monkeypatch.setattr("tidegate.registry.identifiers.secrets", SimpleNamespace(choice=random.Random(1).choice))
