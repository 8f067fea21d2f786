"""One version as a tar archive, and back.

    version.json          format, digest, manifest; service, number and lineage
    bundle/PATH           every file of the tree, sorted

The archive of a version is the same bytes wherever and whenever it is written (sorted, no times, no owners),
``bundle/`` in it is a bundle directory that can be pushed as it is, and reading it proves every digest.
It is also how a client sends a directory to the API.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, Self

import msgspec

from tidegate.delivery.bundle import Lineage
from tidegate.delivery.version import VersionNumber, check_service_name
from tidegate.errors import InvalidInputError, OperatorError
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.bundle_files import Limits, check_path
from tidegate.registry.bundle_reader import read_directory
from tidegate.registry.bundle_tree import BundleContent, Entry, Manifest, digest_of
from tidegate.registry.canonical import canonical_json
from tidegate.registry.content import CHUNK_BYTES
from tidegate.registry.versions import Version

HEAD = "version.json"
FOLDER = "bundle/"
_DEFAULT_LIMITS = Limits()
_MAX_HEAD_BYTES = 16 << 20
_MAX_EXTENSION_BYTES = 64 << 10


class ArchiveHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first file of an archive."""

    format: Literal[1] = 1
    digest: str
    manifest: Manifest
    service: str | None = None
    number: str | None = None
    lineage: Lineage = Lineage()


async def export_version(version: Version, artifacts: ArtifactStore) -> AsyncIterator[bytes]:
    """The archive of a stored version, in pieces.

    Raises:
        CorruptArtifactError: an artifact was altered or lost; the archive must be thrown away.
    """
    head = ArchiveHead(
        digest=version.digest,
        manifest=version.manifest,
        service=version.service,
        number=str(version.number),
        lineage=version.lineage,
    )
    yield _member(HEAD, _head_bytes(head))
    for entry in version.manifest:
        yield _header(FOLDER + entry.path, entry.size, entry.mode)
        async for data in artifacts.stream(entry.sha256):
            yield data
        yield _padding(entry.size)
    yield _end()


def pack(content: BundleContent) -> Iterator[bytes]:
    """The archive of a bundle that was read but not pushed, in pieces.

    Raises:
        ConflictError: a file changed since it was read.
    """
    head = ArchiveHead(
        digest=content.digest,
        manifest=content.manifest,
        service=content.service,
        number=str(content.number) if content.number else None,
        lineage=content.lineage,
    )
    yield _member(HEAD, _head_bytes(head))
    for entry in content.manifest:
        yield _header(FOLDER + entry.path, entry.size, entry.mode)
        yield from content.tree[entry.path].chunks()
        yield _padding(entry.size)
    yield _end()


def unpack(source: BinaryIO, folder: Path, limits: Limits = _DEFAULT_LIMITS) -> BundleContent:
    """Read an archive into an empty folder; what comes back refers to the files there.

    Args:
        source: the archive, uncompressed; only read forwards.
        folder: an empty directory that outlives the result.

    Raises:
        InvalidInputError: not such an archive; a link, device or path that leads outside; too large; or any
            file, or the whole, does not have its digest.
    """
    try:
        with tarfile.open(fileobj=source, mode="r|", tarinfo=_PlainMember) as archive:
            head = _unpack_members(archive, folder, limits)
    except (tarfile.TarError, EOFError) as error:
        raise _bad(f"it is not a whole tar archive: {error}") from error
    except OSError as error:
        raise OperatorError(f"the archive cannot be unpacked: {error.strerror}", where=str(folder)) from error
    content = read_directory(folder, limits)
    if content.manifest != head.manifest or content.digest != head.digest:
        raise _bad("its files do not have the digest it names")
    return BundleContent(
        bundle=content.bundle,
        tree=content.tree,
        service=None if head.service is None else check_service_name(head.service),
        number=None if head.number is None else VersionNumber.parse(head.number),
        lineage=head.lineage,
    )


class _PlainMember(tarfile.TarInfo):
    """A member as its header says; what describes other members is read into memory, so it must be short."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """One header block.

        Raises:
            tarfile.ReadError: an extended header that is longer than any name needs.
        """
        member = super().frombuf(buf, encoding, errors)
        if member.type not in tarfile.REGULAR_TYPES and member.size > _MAX_EXTENSION_BYTES:
            raise tarfile.ReadError(f"an extended header of {member.size} bytes")
        return member


def _unpack_members(archive: tarfile.TarFile, folder: Path, limits: Limits) -> ArchiveHead:
    head: ArchiveHead | None = None
    expected: dict[str, Entry] = {}
    for member in archive:
        if not member.isreg() or member.issparse():
            raise _bad(f"{member.name!r} is not a regular file")
        if head is None:
            head = _read_head(archive, member, limits)
            expected = {entry.path: entry for entry in head.manifest}
            continue
        path = check_path(member.name.removeprefix(FOLDER), limits, where=f"archive: {member.name}")
        entry = expected.pop(path, None)
        if entry is None or not member.name.startswith(FOLDER) or member.size != entry.size:
            raise _bad(f"{member.name!r} is not what {HEAD} lists")
        _write_file(archive, member, folder / path, entry)
    if head is None:
        raise _bad("it is empty")
    if expected:
        raise _bad(f"{next(iter(expected))!r} is missing")
    return head


def _read_head(archive: tarfile.TarFile, member: tarfile.TarInfo, limits: Limits) -> ArchiveHead:
    if member.name != HEAD or member.size > _MAX_HEAD_BYTES:
        raise _bad(f"its first file is not {HEAD}")
    opened = archive.extractfile(member)
    assert opened is not None  # a regular file
    try:
        head = msgspec.json.decode(opened.read(), type=ArchiveHead)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(f"{HEAD} cannot be read: {error}") from error
    if len(head.manifest) > limits.files or sum(max(0, entry.size) for entry in head.manifest) > limits.total_bytes:
        raise _bad("it is larger than a bundle may be")
    if any(entry.mode not in {"644", "755"} for entry in head.manifest) or digest_of(head.manifest) != head.digest:
        raise _bad("its manifest does not have the digest it names")
    return head


def _write_file(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, entry: Entry) -> None:
    opened = archive.extractfile(member)
    assert opened is not None  # a regular file
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise _bad(f"{entry.path!r} lies below another file") from None
    with path.open("xb") as target:
        while data := opened.read(CHUNK_BYTES):
            digest.update(data)
            target.write(data)
    path.chmod(int(entry.mode, 8) & 0o755)
    if digest.hexdigest() != entry.sha256:
        raise _bad(f"{entry.path!r} was altered")


def _head_bytes(head: ArchiveHead) -> bytes:
    return canonical_json(head)


def _member(name: str, data: bytes) -> bytes:
    return _header(name, len(data), "644") + data + _padding(len(data))


def _header(name: str, size: int, mode: str) -> bytes:
    found = tarfile.TarInfo(name)  # times 0, no owner
    found.size = size
    found.mode = int(mode, 8)
    return found.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def _end() -> bytes:
    return bytes(2 * tarfile.BLOCKSIZE)


def _bad(what: str) -> InvalidInputError:
    return InvalidInputError(f"the archive is refused: {what}", code="bad_archive")
