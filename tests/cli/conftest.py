"""A running installation for the tests of commands."""

from __future__ import annotations

import os

import pytest
from tests.cli.running import CONFIGURATION, SCENARIO, Installation, serving


@pytest.fixture(scope="package")
def installation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installation")
    (folder / "models.yaml").write_text(SCENARIO)
    with serving("simulate", "--scenario", "models.yaml", "--port", 0, cwd=folder) as (_, simulator):
        (folder / "tidegate.yaml").write_text(CONFIGURATION.format(simulator=simulator["url"]))
        with serving("up", cwd=folder) as (_, urls):
            yield Installation(urls["gateway"], urls["control"])


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, and nothing in the environment that speaks of another control."""
    for name in list(os.environ):
        if name.startswith("TIDEGATE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def control(installation, here, monkeypatch):
    """Commands find the running installation."""
    monkeypatch.setenv("TIDEGATE_URL", installation.control)
    return installation
