"""The content-addressed store of artifacts: a folder, or a bucket.

    sha256/ab/cdef…       the bytes whose sha256 is ``abcdef…``

An artifact is complete or absent: it is written under a temporary name (folder) or as an upload that only
its completion makes visible (buckets), and the digest is checked before that last step. Equal bytes have one
address, so a push that died half-way leaves nothing wrong behind, only bytes that nobody refers to yet.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import obstore
from obstore import exceptions
from obstore.store import LocalStore, ObjectStore, from_url

from tidegate.errors import InternalError, OperatorError, TidegateError
from tidegate.registry.content import CHUNK_BYTES, Content

_ROOT = "sha256"
_SMALL_BYTES = 4 * CHUNK_BYTES  # up to here one request carries the whole artifact
_HINTS = {
    "No space left on device": "the disk is full; free space or move the store",
    "Disk quota exceeded": "the disk quota is used up; free space or move the store",
    "Read-only file system": "the file system is read-only; remount it or move the store",
    "Permission denied": "the account that runs Tidegate may not write there",
    "Unauthenticated": "check the credentials of the bucket",
    "NoSuchBucket": "create the bucket",
}


class CorruptArtifactError(OperatorError):
    """An artifact is missing, or its bytes are not those of its address."""

    default_code = "corrupt_artifact"


class Stored(msgspec.Struct, frozen=True):
    """One artifact as the store lists it."""

    sha256: str
    size: int
    stored_at: datetime


class ArtifactStore:
    """Artifacts by sha256.

    Args:
        location: a folder, or ``s3://…``, ``gs://…``, ``az://…``.
        options: the store's own settings (endpoint, region, credentials), by their obstore names.

    Raises:
        OperatorError: the location cannot be used.
    """

    def __init__(self, location: str, options: dict[str, str] | None = None) -> None:
        self.location = location
        self._folder: Path | None = None
        try:
            self._store = self._opened(location, options or {})
        except (exceptions.BaseError, ValueError, OSError) as error:
            raise OperatorError(
                f"the artifact store {location!r} cannot be opened: {_first_line(error)}",
                remedy="set storage.artifacts to a folder or to s3://BUCKET/PREFIX",
            ) from error

    def _opened(self, location: str, options: dict[str, str]) -> ObjectStore:
        if "://" in location and not location.startswith("file://"):
            return _bucket(location, options)
        self._folder = Path(location.removeprefix("file://")).absolute()
        self._folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(self._folder)

    async def put(self, content: Content) -> bool:
        """Store the bytes; whether they were new.

        Raises:
            ConflictError: the bytes changed while they were read; nothing is stored.
            OperatorError: the store refuses (full, read-only, forbidden).
        """
        if await self.size_of(content.sha256) == content.size:
            return False
        with self._translated("write"):
            if content.size <= _SMALL_BYTES:
                await self._put_small(content)
            else:
                await self._put_large(content)
        if self._folder is not None:
            await asyncio.to_thread(_make_durable, self._folder / _address(content.sha256), self._folder)
        return True

    async def size_of(self, sha256: str) -> int | None:
        """Bytes of a stored artifact, ``None`` when it is absent."""
        with self._translated("read"):
            try:
                return int((await obstore.head_async(self._store, _address(sha256)))["size"])
            except FileNotFoundError:
                return None

    async def stream(self, sha256: str) -> AsyncIterator[bytes]:
        """The bytes in pieces, checked: a reader that gets to the end got the right ones.

        Raises:
            CorruptArtifactError: absent, or other bytes than the address says (raised at the end).
            OperatorError: the store does not answer.
        """
        digest = hashlib.sha256()
        with self._translated("read"):
            try:
                found = await obstore.get_async(self._store, _address(sha256))
            except FileNotFoundError:
                raise CorruptArtifactError("the artifact is missing", where=self._shown(sha256)) from None
            async for data in found.stream(min_chunk_size=CHUNK_BYTES):
                digest.update(data)
                yield bytes(data)
        if digest.hexdigest() != sha256:
            raise CorruptArtifactError(
                f"the artifact was altered: its bytes have sha256 {digest.hexdigest()}", where=self._shown(sha256)
            )

    async def read(self, sha256: str) -> bytes:
        """The whole of a small artifact.

        Raises:
            CorruptArtifactError: absent or altered.
        """
        return b"".join([data async for data in self.stream(sha256)])

    async def check(self, sha256: str, size: int) -> str:
        """Hash a stored artifact again; what is wrong with it, or an empty text."""
        count = 0
        try:
            async for data in self.stream(sha256):
                count += len(data)
        except CorruptArtifactError as error:
            return error.message
        return "" if count == size else f"the artifact has {count} bytes, the manifest says {size}"

    async def stored(self) -> AsyncIterator[Stored]:
        """Every complete artifact."""
        with self._translated("read"):
            async for batch in obstore.list(self._store, _ROOT):
                for each in batch:
                    sha256 = each["path"].removeprefix(f"{_ROOT}/").replace("/", "")
                    yield Stored(sha256, each["size"], each["last_modified"])

    async def delete(self, sha256: str) -> None:
        """Remove an artifact that nothing refers to."""
        with self._translated("write"):
            await obstore.delete_async(self._store, _address(sha256))

    async def remove_leftovers(self, before: datetime) -> list[str]:
        """Remove temporary files that a killed writer left in a folder before an instant; their names.

        Buckets forget unfinished uploads by their own lifecycle rules.
        """
        if self._folder is None:
            return []
        return await asyncio.to_thread(_remove_leftovers, self._folder / _ROOT, before.timestamp())

    async def _put_small(self, content: Content) -> None:
        data = await asyncio.to_thread(lambda: b"".join(content.chunks()))
        await obstore.put_async(self._store, _address(content.sha256), data)

    async def _put_large(self, content: Content) -> None:
        """The iteration raises before its end when the bytes are wrong, and the upload is abandoned."""
        upload = obstore.put_async(
            self._store,
            _address(content.sha256),
            _off_the_loop(content.chunks()),
            use_multipart=True,
            chunk_size=8 << 20,
        )
        await upload

    def _translated(self, verb: str) -> _Translated:
        return _Translated(f"the artifact store {self.location!r} cannot {verb}")

    def _shown(self, sha256: str) -> str:
        return f"{self.location}/{_address(sha256)}"


def _bucket(location: str, options: dict[str, str]) -> ObjectStore:
    endpoint = options.get("endpoint") or options.get("aws_endpoint") or ""
    opened: Any = from_url  # its options depend on the scheme, which only the operator knows
    store: ObjectStore = opened(
        location,
        client_options={"allow_http": endpoint.startswith("http://"), "connect_timeout": "5s", "timeout": "120s"},
        retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=20)},
        **options,
    )
    return store


class _Translated:
    """Errors of the store become sentences for the operator; our own pass."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, TidegateError | GeneratorExit | asyncio.CancelledError):
            return
        if isinstance(error, exceptions.BaseError | OSError):
            text = str(error)
            hint = next((remedy for sign, remedy in _HINTS.items() if sign in text), None)
            raise OperatorError(
                f"{self._what}: {_first_line(error)}", code="artifact_store_failed", remedy=hint
            ) from error


async def _off_the_loop(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (data := await asyncio.to_thread(next, chunks, None)) is not None:
        yield data


def _address(sha256: str) -> str:
    if len(sha256) != 64 or not sha256.isalnum():
        raise InternalError(f"{sha256!r} is not a sha256")
    return f"{_ROOT}/{sha256[:2]}/{sha256[2:]}"


def _make_durable(path: Path, root: Path) -> None:
    """Flush a file and the folders that name it, so that a committed version never misses it after a power cut."""
    for each in (path, *(folder for folder in path.parents if folder.is_relative_to(root))):
        descriptor = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_leftovers(root: Path, before: float) -> list[str]:
    """The folder store writes ``NAME#N`` and renames it at the end."""
    removed = []
    for path in root.glob("*/*#*"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
            removed.append(str(path))
    return removed


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
