"""A version leaves as an archive and comes back with the same digest, or not at all."""

import io
import os
import tarfile

import pytest

from tidegate.errors import InvalidInputError
from tidegate.registry.archive import pack, unpack
from tidegate.registry.artifacts import ArtifactStore, CorruptArtifactError
from tidegate.registry.bundle_files import Limits
from tidegate.registry.bundle_reader import read_bundle, read_inline
from tidegate.registry.content import InlineContent
from tidegate.registry.database import Database
from tidegate.registry.migrate import migrate
from tidegate.registry.registry import Registry


@pytest.fixture
def registry(database, artifacts, clock):
    return Registry(database, artifacts, clock)


@pytest.fixture
def content(tmp_path):
    root = tmp_path / "bundle"
    long = "weights/" + "x" * 120 + "/é.bin"
    for name, data in {
        "bundle.yaml": b"service: bot\nversion: v1.4.0\nmodel: openai/gpt-4.1-mini\nlineage: {git_commit: abc}\n",
        "prompt/system.txt": b"Hello\r\n",
        "weights/a.bin": os.urandom(3_000_001),
        "processing/run.sh": b"#!/bin/sh\n",
        "tests/empty": b"",
        long: b"1",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "processing/run.sh").chmod(0o755)
    return read_bundle(root)


def _folder(tmp_path, name="unpacked"):
    folder = tmp_path / name
    folder.mkdir()
    return folder


async def _exported(registry, reference):
    return b"".join([data async for data in await registry.export(reference)])


async def test_a_round_trip_keeps_name_digest_and_lineage(registry, content, tmp_path, clock):
    pushed = await registry.push(content, actor="ann")
    data = await _exported(registry, pushed.ref)
    database = Database(f"sqlite:///{tmp_path}/other.db")
    await migrate(database, "state")
    other = Registry(database, ArtifactStore(str(tmp_path / "other")), clock)
    again = await other.push_archive(io.BytesIO(data), _folder(tmp_path), actor="bob")
    assert (again.ref, again.digest, again.created) == (pushed.ref, pushed.digest, True)
    assert (await other.verify(again.ref)).is_intact
    assert (await other.resolve(again.ref)).lineage.git_commit == "abc"
    assert await _exported(other, again.ref) == data  # deterministic
    await database.close()


async def test_a_packed_bundle_equals_its_export(registry, content, tmp_path):
    packed = b"".join(pack(content))
    pushed = await registry.push_archive(io.BytesIO(packed), _folder(tmp_path), actor="ann")
    assert await _exported(registry, pushed.ref) == packed


async def test_the_folder_in_an_archive_is_a_bundle_directory(content, tmp_path):
    folder = _folder(tmp_path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(pack(content)))) as archive:
        archive.extractall(folder, filter="data")
    assert read_bundle(folder / "bundle").digest == content.digest


async def test_an_altered_artifact_stops_an_export(registry, content, tmp_path):
    pushed = await registry.push(content, actor="ann")
    sha256 = content.tree["weights/a.bin"].sha256
    (tmp_path / "artifacts/sha256" / sha256[:2] / sha256[2:]).write_bytes(b"other")
    with pytest.raises(CorruptArtifactError):
        await _exported(registry, pushed.ref)


def _rewritten(data, change):
    """The archive with each member passed through ``change(info, bytes) -> [(info, bytes), …]``."""
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=made, mode="w") as new:
        for info in old:
            for each, content in change(info, old.extractfile(info).read()):
                each.size = len(content) if each.isreg() else 0
                new.addfile(each, io.BytesIO(content))
    return made.getvalue()


def _named(info, name, kind=tarfile.REGTYPE, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, info.mode
    return made


SYSTEM = "bundle/prompt/system.txt"
CHANGES = {
    "an altered byte": lambda info, data: [(info, b"Hellp" if info.name == SYSTEM else data)],
    "another size": lambda info, data: [(info, b"Hello!" if info.name == SYSTEM else data)],
    "a missing file": lambda info, data: [] if info.name == SYSTEM else [(info, data)],
    "an extra file": lambda info, data: [
        (info, data),
        *([(_named(info, "bundle/tests/more"), b"x")] if info.name == SYSTEM else []),
    ],
    "a file twice": lambda info, data: [(info, data)] * (2 if info.name == SYSTEM else 1),
    "a path upwards": lambda info, data: [
        (_named(info, "bundle/../../evil"), data) if info.name == SYSTEM else (info, data)
    ],
    "an absolute path": lambda info, data: [(_named(info, "/tmp/evil"), data) if info.name == SYSTEM else (info, data)],
    "a symbolic link": lambda info, data: [
        (_named(info, SYSTEM, tarfile.SYMTYPE, "/etc/passwd"), b"") if info.name == SYSTEM else (info, data)
    ],
    "a hard link": lambda info, data: [
        (_named(info, SYSTEM, tarfile.LNKTYPE, "bundle/bundle.yaml"), b"") if info.name == SYSTEM else (info, data)
    ],
    "a device": lambda info, data: [
        (_named(info, SYSTEM, tarfile.CHRTYPE), b"") if info.name == SYSTEM else (info, data)
    ],
    "another digest": lambda info, data: [
        (info, data.replace(b'"digest":"', b'"digest":"0') if info.name == "version.json" else data)
    ],
    "another manifest": lambda info, data: [
        (info, data.replace(b'"644"', b'"755"', 1) if info.name == "version.json" else data)
    ],
    "no head": lambda info, data: [] if info.name == "version.json" else [(info, data)],
    "a head that is no JSON": lambda info, data: [(info, b"{" if info.name == "version.json" else data)],
    "nothing": lambda info, data: [],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_tampered_archive_is_refused(tmp_path, change):
    data = b"".join(pack(read_inline({"model": "a/b", "prompt": {"system": "Hello"}})))
    folder = _folder(tmp_path)
    with pytest.raises(InvalidInputError):
        unpack(io.BytesIO(_rewritten(data, CHANGES[change])), folder)
    assert {path.name for path in tmp_path.iterdir()} == {"unpacked"}


@pytest.mark.parametrize(("change", "said"), [("an altered byte", "was altered"), ("another size", "is not what")])
def test_the_first_wrong_file_of_an_archive_is_named(tmp_path, change, said):
    data = b"".join(pack(read_inline({"model": "a/b", "prompt": {"system": "Hello"}})))
    with pytest.raises(InvalidInputError, match=f"system.txt' {said}"):
        unpack(io.BytesIO(_rewritten(data, CHANGES[change])), _folder(tmp_path))


@pytest.mark.parametrize("length", [0, 100, 600, 3000])
def test_a_cut_archive_is_refused(tmp_path, content, length):
    data = b"".join(pack(content))
    with pytest.raises(InvalidInputError, match="archive is refused"):
        unpack(io.BytesIO(data[:length]), _folder(tmp_path))


def test_what_is_no_archive_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="not a whole tar"):
        unpack(io.BytesIO(os.urandom(2000)), _folder(tmp_path))


def test_an_archive_of_too_much_is_refused_before_it_is_written(tmp_path, content):
    folder = _folder(tmp_path)
    with pytest.raises(InvalidInputError, match="larger than"):
        unpack(io.BytesIO(b"".join(pack(content))), folder, Limits(total_bytes=1000))
    assert list(folder.iterdir()) == []


def test_a_hidden_change_of_the_bundle_is_refused(tmp_path):
    """Digests of files and manifest fit, but the files are not the normal form of a bundle."""
    content = read_inline({"model": "a/b"})
    forged = {**content.tree, "bundle.yaml": InlineContent(b"model: a/b\n")}
    data = b"".join(pack(type(content)(bundle=content.bundle, tree=forged)))
    with pytest.raises(InvalidInputError, match="do not have the digest"):
        unpack(io.BytesIO(data), _folder(tmp_path))
