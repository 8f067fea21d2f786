"""A pushed bundle knows its commit, if it lies in a git work tree."""

from __future__ import annotations

import subprocess

import pytest

from tidegate.cli.lineage import git_commit, lineage_of
from tidegate.delivery.bundle import Lineage


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    bundle = tmp_path / "bot"
    bundle.mkdir()
    (bundle / "bundle.yaml").write_text("model: a/b\n")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.test", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    return tmp_path


def head(folder) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_commit_is_the_one_that_is_checked_out(repository):
    assert git_commit(repository / "bot") == git_commit(repository / "bot/bundle.yaml") == head(repository)


def test_a_changed_bundle_is_marked_and_a_change_elsewhere_is_not(repository):
    (repository / "README").write_text("new")
    assert git_commit(repository / "bot") == head(repository)
    (repository / "bot/card.md").write_text("new")
    assert git_commit(repository / "bot") == f"{head(repository)}-dirty"


def test_outside_a_work_tree_or_without_git_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(tmp_path) is None


def test_what_the_bundle_says_itself_wins_and_the_note_is_added(repository):
    given = Lineage(git_commit="abc", parent="bot/v1.0.0", note="old")
    assert lineage_of(given, repository / "bot", note="new") == {
        "git_commit": "abc",
        "parent": "bot/v1.0.0",
        "note": "new",
    }
    assert lineage_of(Lineage(), repository / "bot", note=None) == {"git_commit": head(repository)}
