"""The composed control plane with its loops running, over real time and a gateway that follows the link."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import msgspec
import pytest
from tests.scenarios.world import World

from tidegate.controller.control import Control
from tidegate.controller.control_settings import ControlSettings
from tidegate.controller.intents import Actor
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.snapshot import Heartbeat, LinkMessage
from tidegate.registry.database import Database

ALICE = Actor(name="alice")


def answer(request: httpx2.Request) -> httpx2.Response:
    headers = {"x-tidegate-version": request.headers["x-tidegate-force-version"], "x-tidegate-attempts": "1"}
    body = {"choices": [{"message": {"role": "assistant", "content": "ready"}, "finish_reason": "stop"}]}
    return httpx2.Response(200, headers=headers, json=body)


async def follow(control: Control, seen: list[LinkMessage]) -> None:
    """A gateway's link: put each snapshot in force and acknowledge it at once."""
    async for line in control.watch("a", "boot-a"):
        message = msgspec.json.decode(line, type=LinkMessage)
        seen.append(message)
        snapshot = next(known.snapshot for known in reversed(seen) if known.snapshot is not None)
        control.hear(
            Heartbeat(
                gateway="a",
                boot_id="boot-a",
                pid=1,
                address="127.0.0.1:1",
                build="test",
                revision=snapshot.revision,
                epoch=snapshot.epoch,
            )
        )


@pytest.fixture
async def control(tmp_path, monkeypatch) -> AsyncIterator[Control]:
    monkeypatch.setattr("tidegate.controller.publisher.RENEWAL_SECONDS", 0.05)
    world = await World.create(tmp_path, gateways=0)
    await world.service("bot", "1.0.0", "1.1.0")
    await world.close()
    settings = ControlSettings(leader="real", interval=timedelta(milliseconds=50))
    made = Control(
        Database(f"sqlite:///{tmp_path}/state.db", durability="normal"),
        Database(f"sqlite:///{tmp_path}/observed.db", durability="normal"),
        settings,
        client=httpx2.AsyncClient(transport=httpx2.MockTransport(answer)),
    )
    yield made
    await made.stop()
    await made.state.close()
    await made.observed.close()


async def test_the_running_loops_carry_a_release_to_its_end(control):
    await control.start()
    seen: list[LinkMessage] = []
    following = asyncio.create_task(follow(control, seen))
    spec = parse_release(
        {
            "kind": "Release",
            "service": "bot",
            "version": "v1.1.0",
            "strategy": {"direct": {"promote": {"bake": "200ms"}}},
            "probe": {"requests": 1},
        }
    )
    submitted = await control.operations.submit_release(spec, actor=ALICE)
    ended = await control.queries.wait(submitted.id, at_most=timedelta(seconds=20))
    assert ended.phase in {"draining", "succeeded"}
    assert (await control.queries.status("bot")).stable == submitted.version
    published = [message.snapshot.revision for message in seen if message.snapshot]
    assert published == sorted(set(published))
    assert any(message.lease for message in seen)
    page = control.telemetry.page().decode()
    assert 'tidegate_traffic_weight{service="bot"' in page
    assert "tidegate_snapshot_revision" in page
    control.publisher.close()
    await following


async def test_events_of_the_release_reach_the_log_once_each(control, caplog):
    await control.start()
    await control.operations.submit_release(parse_release({"service": "bot", "version": "v1.1.0"}), actor=ALICE)
    for _ in range(100):
        async with control.state.read() as connection:
            from tidegate.registry import outbox

            waiting = await outbox.due(connection, "log")
            told = (await connection.exec_driver_sql("select count(*) from outbox where sent_at is not null")).scalar()
        if told and not waiting:
            break
        await asyncio.sleep(0.05)
    assert told
    assert not waiting


async def test_stopping_hands_the_lead_over_at_once(control, tmp_path):
    await control.start()
    await control.stop()
    successor = Control(
        Database(f"sqlite:///{tmp_path}/state.db", durability="normal"),
        Database(f"sqlite:///{tmp_path}/observed.db", durability="normal"),
        ControlSettings(leader="successor", is_sole=False),
    )
    await successor.start(is_background=False)
    assert successor.leadership.epoch is not None
    await successor.stop()
    await successor.state.close()
    await successor.observed.close()


async def test_a_second_control_process_follows_until_the_lease_runs_out(control, tmp_path):
    await control.start(is_background=False)
    second = Control(
        Database(f"sqlite:///{tmp_path}/state.db", durability="normal"),
        Database(f"sqlite:///{tmp_path}/observed.db", durability="normal"),
        ControlSettings(leader="second", is_sole=False),
    )
    await second.start(is_background=False)
    assert second.leadership.epoch is None
    assert second.publisher.current.revision == control.publisher.current.revision
    assert not await second.controller.reconcile()
    await second.stop()
    await second.state.close()
    await second.observed.close()


async def test_cleaning_up_tells_the_audit_head(control):
    await control.start(is_background=False)
    await control.clean_up()
    assert control.telemetry.audit_head.seq > 0
    assert f'hash="{control.telemetry.audit_head.hash}"' in control.telemetry.page().decode()
