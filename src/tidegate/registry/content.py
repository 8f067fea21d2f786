"""Where the bytes of an artifact come from: memory, or a file that must not change while it is read."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from tidegate.errors import ConflictError, InternalError, InvalidInputError, OperatorError

Mode = Literal["644", "755"]
CHUNK_BYTES = 1 << 20


class Content(Protocol):
    """The bytes of one artifact.

    Attributes:
        mode: ``644``, or ``755`` when its owner may execute it.
        sha256: hex digest of exactly these bytes.
        size: in bytes.
    """

    @property
    def mode(self) -> Mode: ...  # noqa: D102  # documented above
    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces of at most :data:`CHUNK_BYTES`.

        Raises:
            ConflictError: they are not the bytes that were hashed; raised before the iteration ends.
        """
        ...


class StoredContent(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that lie in the artifact store already."""

    mode: Mode
    sha256: str
    size: int

    def chunks(self) -> Iterator[bytes]:
        """They are never read again from here."""
        raise InternalError("the bytes of a stored artifact are not here")


class InlineContent(msgspec.Struct, frozen=True):
    """Bytes in memory: a normalised part of a bundle."""

    data: bytes
    mode: Mode = "644"

    @property
    def sha256(self) -> str:
        """Hex digest of :attr:`data`."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def size(self) -> int:
        """Length of :attr:`data`."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces."""
        for start in range(0, len(self.data), CHUNK_BYTES):
            yield self.data[start : start + CHUNK_BYTES]


class FileContent(msgspec.Struct, frozen=True, kw_only=True):
    """A regular file, hashed once; each later reading proves that it still is the same file and content."""

    path: Path
    mode: Mode
    sha256: str
    size: int
    identity: tuple[int, ...]  # device, inode, size, modification and change time

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces, never the whole file.

        Raises:
            ConflictError: the file changed since it was hashed, or while it is read.
            InvalidInputError: it cannot be read any more.
        """
        digest = hashlib.sha256()
        for data in _stable_chunks(self.path, self.identity):
            digest.update(data)
            yield data
        if digest.hexdigest() != self.sha256:
            raise _changed(self.path)


def hash_file(path: Path, limit: int) -> FileContent:
    """Read a file once to know its digest.

    Args:
        limit: largest allowed size in bytes.

    Raises:
        InvalidInputError: not a regular file, too large, or unreadable.
        ConflictError: it changed while being read.
    """
    with _Opened(path) as descriptor:
        found = os.fstat(descriptor)
    if found.st_size > limit:
        raise InvalidInputError(f"the file has {found.st_size} bytes, at most {limit} are allowed", where=str(path))
    digest = hashlib.sha256()
    for data in _stable_chunks(path, _identity(found)):
        digest.update(data)
    return FileContent(
        path=path,
        mode="755" if found.st_mode & stat.S_IXUSR else "644",
        sha256=digest.hexdigest(),
        size=found.st_size,
        identity=_identity(found),
    )


def read_small(path: Path, limit: int) -> bytes:
    """The whole of a file that is no larger than ``limit`` bytes.

    Raises:
        InvalidInputError: not a regular file, too large, or unreadable.
        ConflictError: it changed while being read.
    """
    return b"".join(hash_file(path, limit).chunks())


class _Opened:
    """A descriptor of a regular file: no symbolic link is followed, no pipe waited for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> int:
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.close(self._descriptor)
            raise InvalidInputError("this is not a regular file", where=str(self._path), remedy="remove it")
        return self._descriptor

    def __exit__(self, *_exception: object) -> None:
        os.close(self._descriptor)


def _stable_chunks(path: Path, identity: tuple[int, ...]) -> Iterator[bytes]:
    with _Opened(path) as descriptor:
        if _identity(os.fstat(descriptor)) != identity:
            raise _changed(path)
        while data := _read(path, descriptor):
            yield data
        if _identity(os.fstat(descriptor)) != identity:
            raise _changed(path)


def _read(path: Path, descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK_BYTES)
    except OSError as error:
        raise OperatorError(f"the file cannot be read: {error.strerror}", where=str(path)) from error


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _changed(path: Path) -> ConflictError:
    return ConflictError(
        "the file changed while it was read",
        code="file_changed",
        where=str(path),
        remedy="push again when nothing writes it",
    )


def _unreadable(path: Path, error: OSError) -> InvalidInputError:
    if error.errno == errno.ELOOP:
        return InvalidInputError(
            "this is a symbolic link",
            code="symbolic_link",
            where=str(path),
            remedy="replace it by the file it points to",
        )
    if error.errno in {errno.ENXIO, errno.EISDIR}:
        return InvalidInputError("this is not a regular file", where=str(path), remedy="remove it")
    return InvalidInputError(f"the file cannot be read: {error.strerror}", code="unreadable", where=str(path))
