"""The store on a real folder, a full disk, and S3 as moto's server speaks it."""

import asyncio
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidegate.errors import ConflictError, OperatorError
from tidegate.registry.artifacts import ArtifactStore, CorruptArtifactError
from tidegate.registry.content import CHUNK_BYTES, InlineContent, hash_file


def _file(path, size):
    path.write_bytes(os.urandom(size))
    return hash_file(path, 1 << 40)


def _files(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


async def _check_round_trip(store, tmp_path):
    large, small = _file(tmp_path / "large", 9 * CHUNK_BYTES + 3), InlineContent(b"small")
    for content in (large, small, InlineContent(b"")):
        assert await store.put(content)
        assert not await store.put(content)
        assert await store.size_of(content.sha256) == content.size
        assert await store.check(content.sha256, content.size) == ""
    assert await store.read(small.sha256) == b"small"
    assert b"".join([data async for data in store.stream(large.sha256)]) == (tmp_path / "large").read_bytes()
    assert {each.sha256 async for each in store.stored()} == {large.sha256, small.sha256, InlineContent(b"").sha256}
    await store.delete(small.sha256)
    assert await store.size_of(small.sha256) is None
    with pytest.raises(CorruptArtifactError, match="missing"):
        await store.read(small.sha256)


async def test_what_is_stored_comes_back_from_a_folder(artifacts, tmp_path):
    await _check_round_trip(artifacts, tmp_path)


async def test_the_address_is_the_digest(artifacts, tmp_path):
    content = InlineContent(b"x")
    await artifacts.put(content)
    assert _files(tmp_path / "artifacts") == [tmp_path / "artifacts/sha256" / content.sha256[:2] / content.sha256[2:]]


async def test_altered_bytes_never_reach_the_end_of_a_reader(artifacts, tmp_path):
    content = _file(tmp_path / "f", 2 * CHUNK_BYTES)
    await artifacts.put(content)
    (path,) = _files(tmp_path / "artifacts")
    with path.open("r+b") as file:
        file.seek(CHUNK_BYTES)
        file.write(b"altered")
    with pytest.raises(CorruptArtifactError, match="altered") as raised:
        await artifacts.read(content.sha256)
    assert str(path) in raised.value.where


async def test_a_shortened_artifact_is_stored_again(artifacts, tmp_path):
    content = _file(tmp_path / "f", CHUNK_BYTES)
    await artifacts.put(content)
    (path,) = _files(tmp_path / "artifacts")
    path.write_bytes(b"")
    assert "altered" in await artifacts.check(content.sha256, content.size)
    assert await artifacts.put(content)
    assert await artifacts.check(content.sha256, content.size) == ""


@pytest.mark.parametrize("size", [100, 9 * CHUNK_BYTES])
async def test_a_file_that_changes_under_the_upload_stores_nothing(artifacts, tmp_path, size):
    content = _file(tmp_path / "f", size)
    with (tmp_path / "f").open("r+b") as file:
        file.seek(size - 1)
        file.write(b"!")
    with pytest.raises(ConflictError):
        await artifacts.put(content)
    assert _files(tmp_path / "artifacts") == []


async def test_equal_uploads_at_once_leave_one_artifact(artifacts, tmp_path):
    content = _file(tmp_path / "f", 6 * CHUNK_BYTES)
    await asyncio.gather(*(artifacts.put(content) for _ in range(6)))
    assert len(_files(tmp_path / "artifacts")) == 1
    assert await artifacts.check(content.sha256, content.size) == ""


async def test_leftovers_of_killed_writers_are_invisible_and_removed_when_old(artifacts, tmp_path):
    content = InlineContent(b"x")
    await artifacts.put(content)
    (path,) = _files(tmp_path / "artifacts")
    leftover = path.with_name(f"{path.name}#3")
    leftover.write_bytes(b"half")
    assert [each.sha256 async for each in artifacts.stored()] == [content.sha256]
    now = datetime.now(UTC)
    assert await artifacts.remove_leftovers(now - timedelta(hours=1)) == []
    assert await artifacts.remove_leftovers(now + timedelta(hours=1)) == [str(leftover)]
    assert _files(tmp_path / "artifacts") == [path]


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run([shutil.which("umount"), str(folder)], check=True)


@pytest.mark.parametrize("size", [4 * CHUNK_BYTES, 12 * CHUNK_BYTES])
async def test_a_full_disk_is_said_and_leaves_nothing(small_disk, tmp_path, size):
    store = ArtifactStore(str(small_disk / "artifacts"))
    kept = InlineContent(b"kept")
    await store.put(kept)
    with pytest.raises(OperatorError, match="the disk is full") as raised:
        await store.put(_file(tmp_path / "large", size))
    assert raised.value.code == "artifact_store_failed"
    assert [each.sha256 async for each in store.stored()] == [kept.sha256]
    assert await store.put(InlineContent(b"fits again"))


@pytest.mark.parametrize("location", ["ftp://host/x", "/dev/null/x", "s3://"])
def test_a_location_that_cannot_be_used_is_named(location):
    with pytest.raises(OperatorError, match="cannot be opened"):
        ArtifactStore(location)


async def test_memory_stays_small_while_large_artifacts_pass(tmp_path):
    script = """
import asyncio, resource, sys
from pathlib import Path
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.content import hash_file

async def main(root):
    def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store = ArtifactStore(str(root / "artifacts"))
    before = peak()
    content = hash_file(root / "large", 1 << 40)
    await store.put(content)
    assert await store.check(content.sha256, content.size) == ""
    print(peak() - before)

asyncio.run(main(Path(sys.argv[1])))
"""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(160 << 20)  # sparse
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True, env=environment)
    assert int(done.stdout) < 90 << 10  # KiB; the file has 160 MiB


@pytest.fixture(scope="module")
def s3():
    """Moto's server in a process of its own, so that its imports and settings stay there."""
    script = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(120)


def _bucket(endpoint):
    import httpx2

    assert httpx2.put(
        f"{endpoint}/artifacts", headers={"authorization": "AWS4-HMAC-SHA256 Credential=x/y/s3"}
    ).is_success
    options = {"endpoint": endpoint, "access_key_id": "x", "secret_access_key": "y", "region": "us-east-1"}
    return ArtifactStore("s3://artifacts/prefix", options)


@pytest.mark.slow
async def test_what_is_stored_comes_back_from_s3(s3, tmp_path):
    store = _bucket(s3)
    await _check_round_trip(store, tmp_path)
    content = _file(tmp_path / "changing", 9 * CHUNK_BYTES)
    (tmp_path / "changing").write_bytes(b"other")
    with pytest.raises(ConflictError):
        await store.put(content)
    assert await store.size_of(content.sha256) is None
