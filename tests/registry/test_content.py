"""Files that change after they were hashed."""

import os

import pytest
from msgspec import structs
from tests.registry.bundle_folders import directory_with

from tidegate.errors import ConflictError
from tidegate.registry.bundle_reader import read_bundle
from tidegate.registry.content import CHUNK_BYTES, hash_file


def test_other_bytes_behind_an_unchanged_face_are_noticed(tmp_path):
    """Coarse clocks and memory maps can change a file without a trace in its times."""
    (tmp_path / "f").write_bytes(b"x")
    content = hash_file(tmp_path / "f", 10)
    with pytest.raises(ConflictError, match="changed"):
        list(structs.replace(content, sha256="0" * 64).chunks())


def test_a_file_exchanged_before_the_reading_is_noticed_at_once(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 3 * CHUNK_BYTES)
    content = hash_file(tmp_path / "f", 1 << 30)
    (tmp_path / "f").write_bytes(b"y" * 3 * CHUNK_BYTES)
    with pytest.raises(ConflictError, match="changed"):
        next(content.chunks())


@pytest.mark.parametrize("how", ["grow", "replace", "rewrite"])
def test_a_file_that_changes_after_it_was_hashed_is_noticed(tmp_path, how):
    root = directory_with(tmp_path, weights__a=os.urandom(3 * CHUNK_BYTES))
    path = root / "weights/a"
    chunks = read_bundle(root).tree["weights/a"].chunks()
    next(chunks)
    if how == "grow":
        with path.open("ab") as file:
            file.write(b"x")
    elif how == "rewrite":
        with path.open("r+b") as file:
            file.seek(2 * CHUNK_BYTES)
            file.write(b"other")
    else:
        path.with_suffix(".new").write_bytes(b"other")
        path.with_suffix(".new").replace(path)
    with pytest.raises(ConflictError) as raised:
        list(chunks)
    assert raised.value.code == "file_changed"
