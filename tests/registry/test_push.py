"""Rules of pushing, pushes at once, and what remains of a killed one."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tidegate.delivery.version import VersionNumber
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError, OperatorError
from tidegate.registry import audit
from tidegate.registry.bundle_reader import read_bundle, read_inline
from tidegate.registry.database import Database
from tidegate.registry.migrate import migrate
from tidegate.registry.push import Wanted
from tidegate.registry.registry import Registry
from tidegate.registry.schema import versions
from tidegate.registry.services import get_service, set_first_stable
from tidegate.registry.versions import list_versions


def _content(text="Hello", **more):
    return read_inline({"model": "openai/gpt-4.1-mini", "prompt": {"system": text}, **more})


def _wanted(number=None, **more):
    return Wanted(service="bot", number=VersionNumber.parse(number) if number else None, **more)


@pytest.fixture
def registry(database, artifacts, clock):
    return Registry(database, artifacts, clock)


async def _actions(database):
    async with database.read() as connection:
        assert (await audit.verify(connection)).is_whole
        return [(row.action, row.subject, row.actor) for row in reversed(await audit.list_audit(connection))]


async def test_the_first_push_creates_service_and_v1(registry, database):
    pushed = await registry.push(_content(), _wanted(), actor="ann")
    assert pushed.created
    assert pushed.ref == f"bot/v1.0.0-{pushed.digest[:8]}"
    assert pushed.warnings == ("Provider 'openai' is not configured yet.",)
    assert await _actions(database) == [("service.created", "bot", "ann"), ("version.pushed", pushed.ref, "ann")]
    version = await registry.resolve(pushed.ref)
    assert version.bundle == _content().bundle
    assert (version.created_by, version.unstable) == ("ann", None)


async def test_the_same_content_under_the_same_number_is_no_change(registry, database):
    first = await registry.push(_content(), _wanted("v1.0.0"), actor="ann")
    again = await registry.push(_content(), _wanted("v1.0.0"), actor="bob")
    unnumbered = await registry.push(_content(), _wanted(bump="patch"), actor="bob")
    assert (again.ref, again.created) == (unnumbered.ref, unnumbered.created) == (first.ref, False)
    assert len(await _actions(database)) == 2


async def test_the_same_content_under_another_number_is_refused_naming_the_first(registry):
    first = await registry.push(_content(), _wanted("v1.0.0"), actor="ann")
    with pytest.raises(ConflictError, match=first.ref) as raised:
        await registry.push(_content(), _wanted("v1.1.0"), actor="ann")
    assert raised.value.code == "content_exists"


async def test_a_changed_byte_under_the_same_number_is_refused(registry):
    first = await registry.push(_content("Hello"), _wanted("v1.0.0"), actor="ann")
    with pytest.raises(ConflictError, match=first.ref) as raised:
        await registry.push(_content("Hello!"), _wanted("v1.0.0"), actor="ann")
    assert raised.value.code == "number_taken"
    assert [each.ref for each in await registry.versions("bot")] == [first.ref]


async def test_the_same_content_may_belong_to_two_services(registry):
    for service in ("bot", "other"):
        await registry.push(_content(), Wanted(service=service), actor="ann")
    digest = _content().digest
    with pytest.raises(InvalidInputError, match=r"bot/v1\.0\.0") as raised:
        await registry.resolve(f"sha256:{digest}")
    assert raised.value.code == "ambiguous_digest"
    assert (await registry.resolve(f"sha256:{digest}", "other")).service == "other"


async def test_without_a_number_the_difference_decides(registry):
    refs = []
    for content in (
        _content(),
        _content(generation={"temperature": 0}),
        _content("Hi", generation={"temperature": 0}),
        read_inline({"model": "openai/gpt-5"}),
    ):
        pushed = await registry.push(content, _wanted(), actor="ann")
        refs.append((pushed.ref.partition("/")[2].partition("-")[0], pushed.reason))
    assert refs == [
        ("v1.0.0", "It is the first version."),
        ("v1.0.1", "The parameter generation.temperature changes."),
        ("v1.1.0", "The system prompt changes."),
        ("v2.0.0", "The base model changes from openai/gpt-4.1-mini to openai/gpt-5."),
    ]


async def test_a_bump_wins_over_the_number_in_the_bundle(registry):
    await registry.push(_content("a", version="v1.0.0"), _wanted(), actor="ann")
    pushed = await registry.push(_content("b", version="v1.0.0"), _wanted(bump="major"), actor="ann")
    assert pushed.ref.startswith("bot/v2.0.0-")
    with pytest.raises(InvalidInputError, match="contradict"):
        await registry.push(_content("c"), _wanted("v3.0.0", bump="minor"), actor="ann")


async def test_a_push_without_a_service_is_refused(registry):
    with pytest.raises(InvalidInputError, match="of which service"):
        await registry.push(_content(), actor="ann")
    assert (await registry.push(_content(service="own"), actor="ann")).ref.startswith("own/v1.0.0-")


async def test_references_find_their_version(registry, database, clock):
    one = await registry.push(_content("one"), _wanted("v1.9.0"), actor="ann")
    two = await registry.push(_content("two"), _wanted("v1.10.0"), actor="ann")
    assert [each.ref for each in await registry.versions("bot")] == [two.ref, one.ref]
    with pytest.raises(NotFoundError, match="no stable version yet"):
        await registry.resolve("bot@stable")
    async with database.write() as connection:
        assert await set_first_stable(connection, "bot", one.ref, actor="ann", at=clock())
        assert not await set_first_stable(connection, "bot", two.ref, actor="ann", at=clock())
    for text in ("bot@stable", "v1.9.0", "bot/v1.9.0", one.ref, f"sha256:{one.digest}", "@stable"):
        assert (await registry.resolve(text, "bot")).ref == one.ref
    with pytest.raises(ConflictError, match=one.ref):
        await registry.resolve("bot/v1.9.0-00000000")
    with pytest.raises(NotFoundError, match=r"latest is v1\.10\.0"):
        await registry.resolve("bot/v3.0.0")
    with pytest.raises(NotFoundError, match="did you mean 'bot'"):
        await registry.resolve("bott/v1.0.0")
    with pytest.raises(NotFoundError):
        await registry.resolve("sha256:" + "0" * 64)


async def test_two_versions_are_compared_by_reference(registry):
    await registry.push(_content("one"), _wanted("v1.0.0"), actor="ann")
    await registry.push(_content("two"), _wanted("v1.1.0"), actor="ann")
    found = await registry.difference("bot/v1.0.0", "v1.1.0")
    assert found.system[-2:] == ("-one", "+two")


async def _race(registries, contents, wanted):
    pushes = (
        registry.push(content, wanted, actor="racer") for registry, content in zip(registries, contents, strict=True)
    )
    return await asyncio.gather(*pushes, return_exceptions=True)


async def _check_races(url, artifacts, clock):
    databases = [Database(url) for _ in range(4)]
    registries = [Registry(database, artifacts, clock) for database in databases]
    try:
        same = await _race(registries, [_content("same")] * 4, _wanted("v1.0.0"))
        assert sorted(each.created for each in same) == [False, False, False, True]
        assert len({each.ref for each in same}) == 1

        other = await _race(registries, [_content(f"other {n}") for n in range(4)], _wanted("v2.0.0"))
        refused = [each for each in other if isinstance(each, ConflictError)]
        assert [each.code for each in refused] == ["number_taken"] * 3

        bumped = await _race(registries, [_content(f"bumped {n}") for n in range(4)], _wanted(bump="patch"))
        assert {each.ref.partition("-")[0] for each in bumped} == {f"bot/v2.0.{n}" for n in range(1, 5)}

        assert len(await registries[0].versions("bot")) == 6
        actions = await _actions(databases[0])
        assert [action for action, _, _ in actions] == ["service.created"] + ["version.pushed"] * 6
    finally:
        for database in databases:
            await database.close()


async def test_of_pushes_at_once_one_wins_and_each_gets_the_right_answer(database, artifacts, clock):
    await _check_races(database.url, artifacts, clock)


@pytest.mark.postgres
async def test_the_same_holds_on_postgresql(postgres_url, artifacts, clock):
    database = Database(postgres_url)
    await migrate(database, "state")
    await database.close()
    await _check_races(postgres_url, artifacts, clock)


async def test_a_failed_transaction_leaves_artifacts_only(database, artifacts, clock, monkeypatch):
    async def fails(*_arguments, **_named):
        raise OperatorError("the disk is gone")

    monkeypatch.setattr("tidegate.registry.versions.audit.append", fails)
    registry = Registry(database, artifacts, clock)
    with pytest.raises(OperatorError):
        await registry.push(_content(), _wanted(), actor="ann")
    monkeypatch.undo()
    async with database.read() as connection:
        assert (await audit.head(connection)).seq == 0
        with pytest.raises(NotFoundError):
            await get_service(connection, "bot")
    assert [each async for each in artifacts.stored()]
    assert (await registry.push(_content(), _wanted(), actor="ann")).created


async def test_the_sweep_takes_what_nobody_refers_to_and_nothing_else(registry, artifacts):
    pushed = await registry.push(_content(), _wanted(), actor="ann")
    orphan = _content("never registered").tree["prompt/system.txt"]
    await artifacts.put(orphan)
    assert await registry.sweep(timedelta(days=300_000)) == []
    registry.clock.now += timedelta(days=10_000)
    assert await registry.sweep() == [orphan.sha256]
    assert (await registry.verify(pushed.ref)).is_intact


async def test_a_push_stores_again_what_a_sweep_took_before_its_commit(registry, artifacts, monkeypatch):
    content = _content()
    for each in content.tree.values():
        await artifacts.put(each)
    transact = registry.database.transact

    async def swept_first(change):
        for each in content.tree.values():
            await artifacts.delete(each.sha256)
        return await transact(change)

    monkeypatch.setattr(registry.database, "transact", swept_first)
    pushed = await registry.push(content, _wanted(), actor="ann")
    assert (await registry.verify(pushed.ref)).is_intact


async def test_verify_finds_an_altered_and_a_lost_artifact(registry, artifacts, tmp_path):
    pushed = await registry.push(_content(), _wanted(), actor="ann")
    checked = await registry.verify("bot/v1.0.0")
    assert checked.is_intact
    assert checked.files == 2
    sha256 = _content().tree["prompt/system.txt"].sha256
    path = tmp_path / "artifacts" / "sha256" / sha256[:2] / sha256[2:]
    path.write_bytes(b"Hellp")
    assert "altered" in (await registry.verify(pushed.ref)).problems[0]
    path.unlink()
    (problem,) = (await registry.verify(pushed.ref)).problems
    assert problem == "prompt/system.txt: the artifact is missing"
    again = await registry.push(_content(), _wanted(), actor="ann")
    assert not again.created
    assert (await registry.verify(pushed.ref)).is_intact  # pushing again restored it


@pytest.mark.parametrize(
    ("column", "change"),
    [("bundle", ("gpt-4.1-mini", "gpt-5")), ("manifest", ("644", "755")), ("digest", None)],
)
async def test_verify_finds_an_altered_record(registry, database, column, change):
    pushed = await registry.push(_content(), _wanted(), actor="ann")
    async with database.write() as connection:
        value = (await connection.execute(sa.select(versions.c[column]))).scalar_one()
        altered = value.replace(*change) if change else "0" * 64
        assert altered != value
        await connection.execute(sa.update(versions).values({column: altered}))
    assert not (await registry.verify(pushed.ref)).is_intact


PUSHING = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.bundle_reader import read_bundle
from tidegate.registry.database import Database
from tidegate.registry.push import Wanted
from tidegate.registry.registry import Registry

async def main(root):
    registry = Registry(Database(f"sqlite:///{root}/state.db"), ArtifactStore(f"{root}/artifacts"), lambda: datetime.now(UTC))
    content = read_bundle(root / "bundle")
    print("begin", flush=True)
    await registry.push(content, Wanted(service="bot"), actor="killed")
    print("done", flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_push_killed_at_any_moment_leaves_nothing_half_done(database, artifacts, clock, tmp_path):
    (tmp_path / "bundle/weights").mkdir(parents=True)
    (tmp_path / "bundle/bundle.yaml").write_text("model: openai/gpt-4.1-mini\n")
    dice = random.Random(7)
    killed = 0
    for attempt in range(4):
        for index in range(6):
            (tmp_path / f"bundle/weights/{index}.bin").write_bytes(os.urandom(6 << 20 if index == 0 else 200_000))
        finished = await asyncio.to_thread(_push_and_kill, tmp_path, dice.uniform(0, 0.06) if attempt else 0)
        killed += not finished
        async with database.read() as connection:
            assert (await audit.verify(connection)).is_whole
            known = await list_versions(connection, "bot") if (await audit.head(connection)).seq else []
        registry = Registry(database, artifacts, clock)
        for each in known:
            assert (await registry.verify(each.ref)).is_intact
        async for stored in artifacts.stored():
            assert await artifacts.check(stored.sha256, stored.size) == ""
        pushed = await registry.push(read_bundle(tmp_path / "bundle"), Wanted(service="bot"), actor="again")
        assert (await registry.verify(pushed.ref)).is_intact
        assert len(await registry.versions("bot")) == attempt + 1
    assert killed


def _push_and_kill(root, delay):
    """Start a push in a process of its own and kill it ``delay`` seconds after it began; whether it was done."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PUSHING, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"begin\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        return process.stdout.read() == b"done\n"
