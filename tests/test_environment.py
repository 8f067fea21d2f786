import pytest

from tidegate.environment import environment, secret_of
from tidegate.errors import InvalidInputError, OperatorError


def test_the_dot_env_file_yields_to_the_real_environment(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("# comment\nexport FROM_FILE='one two'\nBOTH=file\n")
    monkeypatch.setenv("BOTH", "process")
    found = environment(tmp_path)
    assert (found["FROM_FILE"], found["BOTH"]) == ("one two", "process")


def test_a_broken_dot_env_line_is_named(tmp_path):
    (tmp_path / ".env").write_text("A=1\nnot an assignment\n")
    with pytest.raises(InvalidInputError, match=r"\.env:2: this is not NAME=value"):
        environment(tmp_path)


def test_secrets_are_resolved_where_they_are_used(tmp_path):
    (tmp_path / "key").write_text("from-file\n")
    assert secret_of(f"file:{tmp_path / 'key'}", {}) == "from-file"
    assert secret_of("env:K", {"K": "v"}) == "v"
    with pytest.raises(OperatorError, match="K is not set"):
        secret_of("env:K", {})
