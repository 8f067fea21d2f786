"""Files that no bundle may have: links, pipes, unreadable, too many or too large ones."""

import contextlib
import os
import socket
import tempfile
import unicodedata
from pathlib import Path

import pytest
from tests.registry.bundle_folders import directory_with

from tidegate.errors import InvalidInputError
from tidegate.registry.bundle_files import Limits
from tidegate.registry.bundle_reader import read_bundle


def test_symbolic_links_are_refused(tmp_path):
    root = directory_with(tmp_path / "b")
    (tmp_path / "secret").write_text("x")
    (root / "card.md").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidInputError, match="symbolic link") as raised:
        read_bundle(root)
    assert raised.value.code == "symbolic_link"


def test_pipes_and_sockets_are_refused_without_waiting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = directory_with(tmp_path / "b")
    os.mkfifo(root / "pipe")
    with pytest.raises(InvalidInputError, match="device, pipe or socket"):
        read_bundle(root)
    (root / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("b/socket")
        with pytest.raises(InvalidInputError, match="device, pipe or socket"):
            read_bundle(root)
    with pytest.raises(InvalidInputError, match="not a regular file"):
        read_bundle(_fifo(tmp_path / "one.yaml"))


def _fifo(path):
    os.mkfifo(path)
    return path


def test_names_must_be_utf8_and_distinct(tmp_path):
    root = directory_with(tmp_path / "a")
    (root / os.fsdecode(b"\xff.bin")).write_text("x")
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        read_bundle(root)
    other = directory_with(tmp_path / "b", **{unicodedata.normalize(form, "é"): "x" for form in ("NFC", "NFD")})
    with pytest.raises(InvalidInputError, match="read the same"):
        read_bundle(other)


@contextlib.contextmanager
def _without_roots_rights():
    """As an account that may not read everything, when the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unreadable_file_or_folder_is_named():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        root = directory_with(Path(name) / "b", tests__a="x")
        (root / "tests/a").chmod(0)
        with _without_roots_rights(), pytest.raises(InvalidInputError, match="Permission denied") as raised:
            read_bundle(root)
        assert raised.value.where == str(root / "tests/a")
        (root / "tests").chmod(0)
        with _without_roots_rights(), pytest.raises(InvalidInputError, match="folder cannot be read"):
            read_bundle(root)
        (root / "tests").chmod(0o755)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(files=1), "more than 1 files"),
        (Limits(file_bytes=3), "at most 3"),
        (Limits(total_bytes=5), "at most 1 are"),
        (Limits(document_bytes=4), "at most 4"),
        (Limits(path_bytes=5), "longer than 5 bytes"),
    ],
)
def test_limits_stop_a_mistaken_folder(tmp_path, limits, said):
    with pytest.raises(InvalidInputError, match=said):
        read_bundle(directory_with(tmp_path, a="xxxx", b="xxxx"), limits)


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="no such file or directory"):
        read_bundle(tmp_path / "none")
