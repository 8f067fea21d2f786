"""The database and the artifacts as one archive, and back.

    backup.json                        format, when, and how much there is
    state.db, observations.db          SQLite's own copies, each of one instant, taken while it is in use
    artifacts/SHA256                   every artifact that a version needs

The copy of the state comes first: what it refers to is stored for ever, so that later pushes do no harm. An
archive appears under its name when it is whole, and what it restores appears when all of it was proven.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sa

from tidegate.errors import ConflictError, InvalidInputError, OperatorError
from tidegate.registry import audit
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.content import hash_file
from tidegate.registry.database import Database, observations_url
from tidegate.registry.versions import referenced_artifacts

HEAD = "backup.json"
ARTIFACTS = "artifacts/"
_PARTS = ("state", "observations")
_MAX_HEAD_BYTES = 1 << 20


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds.

    Attributes:
        audit_head: row and hash of the audit log's end, as ``audit verify --head`` takes it.
        artifacts: how many.
        bytes: of all artifacts.
    """

    format: Literal[1] = 1
    made_at: datetime
    audit_head: str
    artifacts: int
    bytes: int


async def write_backup(database: str, artifacts: ArtifactStore, target: Path, *, made_at: datetime) -> Backup:
    """Write the archive ``target``; control may run meanwhile.

    Raises:
        OperatorError: not SQLite, no database there, or the disk refuses.
        ConflictError: ``target`` exists.
        CorruptArtifactError: an artifact is missing or altered; no archive is left.
    """
    files = _files_of(database)
    _refuse_existing([target], remedy="name another file")
    _need(files["state"])
    with _said_plainly(target), tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as name:
        folder = Path(name)
        for part in _PARTS:
            await asyncio.to_thread(_copy, files[part], folder / f"{part}.db")
        wanted, head = await _look_into(folder / "state.db")
        whole = folder / "archive"
        made = await _write(whole, folder, artifacts, sorted(wanted), head, made_at)
        await asyncio.to_thread(whole.replace, target)
    return made


async def restore_backup(source: Path, database: str, artifacts: ArtifactStore) -> Backup:
    """Put back what :func:`write_backup` wrote, into a place without a database.

    Raises:
        OperatorError: not SQLite, or the disk refuses.
        ConflictError: there is a database already; nothing was changed.
        InvalidInputError: no such archive, or an altered one; no database is left.
    """
    files = _files_of(database)
    _refuse_existing(files.values(), remedy="move it away, then restore")
    folder = files["state"].parent
    folder.mkdir(parents=True, exist_ok=True)
    with _said_plainly(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".restore-") as name:
        made = await _read(source, Path(name), artifacts)
        wanted, head = await _look_into(Path(name) / "state.db")
        if head != made.audit_head:
            raise InvalidInputError("its audit log is not the one that was saved", where=str(source))
        for sha256 in sorted(wanted):
            if await artifacts.size_of(sha256) is None:
                raise InvalidInputError(f"the artifact {sha256} is missing", where=str(source))
        for part in reversed(_PARTS):  # the state last: with it there is an installation
            await asyncio.to_thread((Path(name) / f"{part}.db").replace, files[part])
    return made


def _files_of(database: str) -> dict[str, Path]:
    found = {"state": sa.make_url(database), "observations": sa.make_url(observations_url(database))}
    if found["state"].get_backend_name() != "sqlite":
        raise OperatorError(
            "only a SQLite installation is saved like this",
            remedy="use pg_dump for the database and the bucket's own copies for the artifacts",
        )
    return {part: Path(url.database or "") for part, url in found.items()}


def _refuse_existing(paths: Iterable[Path], *, remedy: str) -> None:
    for path in paths:
        if path.exists():
            raise ConflictError(f"{path} exists already", remedy=remedy)


def _need(path: Path) -> None:
    if not path.exists():
        raise OperatorError(f"there is no database at {path}", remedy="name the configuration with -c")


def _copy(source: Path, target: Path) -> None:
    """SQLite's own copy: one instant, without what was deleted, also while others write."""
    with closing(sqlite3.connect(source, timeout=30)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


async def _look_into(file: Path) -> tuple[set[str], str]:
    """Artifacts that the state refers to, and the head of its audit log, whose whole chain holds."""
    database = Database(f"sqlite:///{file}")
    try:
        async with database.read() as connection:
            checked = await audit.verify(connection)
            if checked.broken_seq is not None:
                raise InvalidInputError(f"the audit log is broken: {checked.reason}", where=file.name)
            return await referenced_artifacts(connection), f"{checked.head.seq}:{checked.head.hash}"
    except sa.exc.DBAPIError as error:
        raise OperatorError(
            f"its tables are not those of this build: {error.orig}",
            code="other_build",
            where=file.name,
            remedy="use the build that wrote it",
        ) from error
    finally:
        await database.close()


async def _write(
    whole: Path, folder: Path, artifacts: ArtifactStore, wanted: list[str], head: str, made_at: datetime
) -> Backup:
    sizes = {sha256: await artifacts.size_of(sha256) or 0 for sha256 in wanted}
    made = Backup(made_at=made_at, audit_head=head, artifacts=len(wanted), bytes=sum(sizes.values()))
    with whole.open("wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
        text = msgspec.json.encode(made)
        archive.addfile(_entry(HEAD, len(text)), BytesIO(text))
        for part in _PARTS:
            await asyncio.to_thread(archive.add, folder / f"{part}.db", f"{part}.db")
        for sha256 in wanted:
            piece = folder / "piece"
            with piece.open("wb") as held:
                async for data in artifacts.stream(sha256):
                    await asyncio.to_thread(held.write, data)
            await asyncio.to_thread(archive.add, piece, f"{ARTIFACTS}{sha256}")
        archive.close()
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return made


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry


async def _read(source: Path, folder: Path, artifacts: ArtifactStore) -> Backup:
    try:
        with tarfile.open(source, mode="r:") as archive:
            members = iter(archive)
            made = _head_of(archive, next(members, None))
            for part in _PARTS:
                await asyncio.to_thread(_extract, archive, next(members, None), f"{part}.db", folder / f"{part}.db")
            for member in members:
                await _put_back(archive, member, folder / "piece", artifacts)
    except FileNotFoundError:
        raise InvalidInputError("no such file", where=str(source)) from None
    except (tarfile.TarError, EOFError, msgspec.DecodeError) as error:
        raise InvalidInputError(f"this is no whole backup: {error}", where=str(source)) from None
    return made


def _head_of(archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> Backup:
    held = archive.extractfile(member) if member is not None and member.name == HEAD else None
    if held is None:
        raise tarfile.ReadError(f"it does not begin with {HEAD}")
    return msgspec.json.decode(held.read(_MAX_HEAD_BYTES), type=Backup)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo | None, name: str, target: Path) -> None:
    held = archive.extractfile(member) if member is not None and member.name == name else None
    if held is None or member is None:
        raise tarfile.ReadError(f"{name} is missing")
    with target.open("wb") as file:
        while data := held.read(1 << 20):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if target.stat().st_size != member.size:
        raise tarfile.ReadError(f"{name} is cut off")


async def _put_back(archive: tarfile.TarFile, member: tarfile.TarInfo, piece: Path, artifacts: ArtifactStore) -> None:
    sha256 = member.name.removeprefix(ARTIFACTS)
    await asyncio.to_thread(_extract, archive, member, f"{ARTIFACTS}{sha256}", piece)
    content = await asyncio.to_thread(hash_file, piece, max(1, member.size))
    if content.sha256 != sha256:
        raise tarfile.ReadError(f"the artifact {sha256} was altered")
    await artifacts.put(content)


@contextmanager
def _said_plainly(where: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise OperatorError(f"{where}: {error}", remedy="free space, or mend the permissions") from error
