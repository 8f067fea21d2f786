"""Saving an installation while it is in use, and putting it back where there is none."""

from __future__ import annotations

import asyncio
import tarfile
from datetime import UTC, datetime
from io import BytesIO

import pytest
import sqlalchemy as sa

from tidegate.errors import ConflictError, InvalidInputError, OperatorError
from tidegate.registry.artifacts import ArtifactStore, CorruptArtifactError
from tidegate.registry.backup import restore_backup, write_backup
from tidegate.registry.bundle_reader import read_inline
from tidegate.registry.database import Database, observations_url
from tidegate.registry.migrate import migrate
from tidegate.registry.push import Wanted
from tidegate.registry.registry import Registry

AT = datetime(2026, 9, 15, 12, tzinfo=UTC)


def content(text: str):
    return read_inline({"model": "openai/gpt-4.1-mini", "prompt": {"system": text}})


class Place:
    """An installation in a folder."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.database = f"sqlite:///{folder}/tidegate.db"
        self.artifacts = ArtifactStore(str(folder / "artifacts"))

    async def opened(self) -> Database:
        state, observed = Database(self.database), Database(observations_url(self.database))
        await migrate(state, "state")
        await migrate(observed, "observations")
        await observed.close()
        return state

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())


@pytest.fixture
async def first(tmp_path, clock):
    place = Place(tmp_path / "first")
    state = await place.opened()
    registry = Registry(state, place.artifacts, clock)
    for text in ("Be kind.", "Be brief."):
        await registry.push(content(text), Wanted(service="bot"), actor="ann")
    yield place, registry
    await state.close()


async def test_what_was_saved_comes_back_whole(first, tmp_path, clock):
    place, registry = first
    made = await write_backup(place.database, place.artifacts, tmp_path / "saved.tar", made_at=AT)
    later = Place(tmp_path / "later")
    assert await restore_backup(tmp_path / "saved.tar", later.database, later.artifacts) == made
    assert later.files() == ["tidegate-observations.db", "tidegate.db"]
    state = await later.opened()
    restored = Registry(state, later.artifacts, clock)
    before, after = await registry.versions("bot"), await restored.versions("bot")
    assert [version.ref for version in after] == [version.ref for version in before]
    for version in after:
        assert (await restored.verify(version.ref)).is_intact
    await state.close()


async def test_pushes_meanwhile_are_in_it_or_not_and_never_half(first, tmp_path, clock):
    place, registry = first

    async def push_on() -> None:
        for number in range(20):
            await registry.push(content(f"Number {number}."), Wanted(service="bot"), actor="ann")

    pushing = asyncio.create_task(push_on())
    await asyncio.sleep(0)
    await write_backup(place.database, place.artifacts, tmp_path / "saved.tar", made_at=AT)
    await pushing
    later = Place(tmp_path / "later")
    await restore_backup(tmp_path / "saved.tar", later.database, later.artifacts)
    state = await later.opened()
    restored = Registry(state, later.artifacts, clock)
    for version in await restored.versions("bot"):
        assert (await restored.verify(version.ref)).is_intact
    await state.close()


async def test_nothing_that_is_there_is_overwritten(first, tmp_path):
    place, _ = first
    target = tmp_path / "saved.tar"
    await write_backup(place.database, place.artifacts, target, made_at=AT)
    saved = target.read_bytes()
    with pytest.raises(ConflictError, match="exists already"):
        await write_backup(place.database, place.artifacts, target, made_at=AT)
    with pytest.raises(ConflictError, match="move it away"):
        await restore_backup(target, place.database, place.artifacts)
    assert target.read_bytes() == saved


async def test_a_lost_artifact_leaves_no_archive(first, tmp_path):
    place, registry = first
    version = (await registry.versions("bot"))[0]
    await place.artifacts.delete(version.manifest[0].sha256)
    with pytest.raises(CorruptArtifactError):
        await write_backup(place.database, place.artifacts, tmp_path / "saved.tar", made_at=AT)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".backup", "saved"))] == []


def altered(source, target, change):
    """The archive with ``change(name, data)`` in place of each file's content; ``None`` leaves the file out."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            data = change(member.name, old.extractfile(member).read())
            if data is not None:
                member.size = len(data)
                new.addfile(member, BytesIO(data))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda name, data: data[::-1] if name.startswith("artifacts/") else data, "altered"),
        (lambda name, data: None if name.startswith("artifacts/") else data, "missing"),
        (lambda name, data: None if name == "state.db" else data, "state.db is missing"),
        (lambda name, data: b"{}" if name == "backup.json" else data, "no whole backup"),
        (lambda name, data: data.replace(b'"1:', b'"7:').replace(b'"3:', b'"7:') if name == "backup.json" else data, "audit log"),
    ],
    ids=["artifact altered", "artifact missing", "state missing", "head altered", "another log"],
)  # fmt: skip
async def test_an_altered_archive_leaves_no_database(first, tmp_path, change, said):
    place, _ = first
    await write_backup(place.database, place.artifacts, tmp_path / "saved.tar", made_at=AT)
    altered(tmp_path / "saved.tar", tmp_path / "altered.tar", change)
    later = Place(tmp_path / "later")
    with pytest.raises(InvalidInputError, match=said):
        await restore_backup(tmp_path / "altered.tar", later.database, later.artifacts)
    assert later.files() == []


async def test_a_cut_archive_leaves_no_database(first, tmp_path):
    place, _ = first
    await write_backup(place.database, place.artifacts, tmp_path / "saved.tar", made_at=AT)
    data = (tmp_path / "saved.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: len(data) // 3])
    later = Place(tmp_path / "later")
    with pytest.raises(InvalidInputError):
        await restore_backup(tmp_path / "cut.tar", later.database, later.artifacts)
    assert later.files() == []


async def test_another_database_is_told_what_to_use(tmp_path):
    store = ArtifactStore(str(tmp_path / "artifacts"))
    with pytest.raises(OperatorError, match="SQLite") as refused:
        await write_backup("postgresql://db/tidegate", store, tmp_path / "saved.tar", made_at=AT)
    assert "pg_dump" in refused.value.remedy


async def test_a_database_of_another_build_is_told_as_such(first, tmp_path):
    place, _ = first
    state = await place.opened()
    async with state.write() as connection:
        await connection.execute(sa.text("ALTER TABLE audit RENAME COLUMN hash TO digest"))
    await state.close()
    with pytest.raises(OperatorError, match=r"not those of this build: no such column: audit\.hash") as raised:
        await write_backup(place.database, place.artifacts, tmp_path / "saved.tar", made_at=AT)
    assert raised.value.code == "other_build"
    assert not (tmp_path / "saved.tar").exists()
