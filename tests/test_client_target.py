import pytest

from tidegate.config import client_target


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("TIDEGATE_URL", "TIDEGATE_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_without_anything_it_is_this_machine():
    assert client_target() == ("http://127.0.0.1:7401", None)


def test_the_file_here_names_the_address_without_its_secrets_being_known(tmp_path):
    (tmp_path / "tidegate.yaml").write_text('listen: {control: ":9000"}\nkeys: [{name: a, key: "${NOT_SET}"}]\n')
    assert client_target().url == "http://127.0.0.1:9000"


def test_the_environment_wins_over_the_file_and_an_argument_over_both(tmp_path, monkeypatch):
    (tmp_path / "tidegate.yaml").write_text('listen: {control: "127.0.0.1:9000"}\n')
    (tmp_path / ".env").write_text("TIDEGATE_KEY=from-dotenv\n")
    monkeypatch.setenv("TIDEGATE_URL", "https://tidegate.example/")
    assert client_target() == ("https://tidegate.example", "from-dotenv")
    assert client_target("http://[::1]:7401", "mine") == ("http://[::1]:7401", "mine")


def test_a_named_file_is_read_instead_of_the_one_here(tmp_path):
    (tmp_path / "other.yaml").write_text('listen: {control: "[::1]:9001"}\n')
    assert client_target(config_path=tmp_path / "other.yaml").url == "http://[::1]:9001"
