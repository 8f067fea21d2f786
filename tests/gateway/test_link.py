"""The gateway's side of the link, against a control that can be made to misbehave."""

from __future__ import annotations

import asyncio
import json
from itertools import count

import msgspec
import pytest
import structlog
from tests.gateway.test_observer import observation

from tidegate.delivery.observation import ObservationBatch
from tidegate.delivery.records import FeedbackRecord, RecordBatch
from tidegate.delivery.snapshot import Heartbeat, Lease, LinkMessage, Snapshot
from tidegate.gateway import link as module
from tidegate.gateway import shipping
from tidegate.gateway.holder import TableHolder
from tidegate.gateway.http.client import Pool
from tidegate.gateway.http.server import listen
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.link import ControlLink, LinkSettings
from tidegate.gateway.observer import Observer
from tidegate.gateway.records import Records
from tidegate.gateway.spool import Spool
from tidegate.gateway.stored_snapshot import load_snapshot


class Control:
    """Plays control: feeds are open streams, the rest is remembered."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.heartbeats: list[Heartbeat] = []
        self.batches: list[ObservationBatch] = []
        self.record_batches: list[RecordBatch] = []
        self.credentials: set[bytes | None] = set()
        self.follows = 0
        self.status = 204
        self.hangs = False
        self.hung = 0
        self.refused: list[str] = []
        self.server = None

    async def handle(self, request, responder) -> None:
        self.credentials.add(request.headers.get(b"authorization"))
        if request.path == "/link/v1/snapshots":
            self.follows += 1
            responder.start(200, [(b"content-type", b"application/x-ndjson")], length=None)
            while True:
                responder.write(await self.lines.get() + b"\n")
        if self.hangs and request.path == "/link/v1/observations":
            self.hung += 1
            await asyncio.sleep(60)
        if self.status >= 400:
            self.refused.append(request.path)
            responder.send(self.status, [], b"no")
            return
        if request.path == "/link/v1/heartbeats":
            self.heartbeats.append(msgspec.json.decode(bytes(request.body), type=Heartbeat))
        elif request.path == "/link/v1/records":
            self.record_batches.append(msgspec.msgpack.decode(bytes(request.body), type=RecordBatch))
        else:
            self.batches.append(msgspec.msgpack.decode(bytes(request.body), type=ObservationBatch))
        responder.send(self.status, [], b"")

    async def listen(self, port: int = 0) -> int:
        self.server = await listen(("127.0.0.1", port), self.handle)
        return self.server.port

    async def vanish(self) -> None:
        await self.server.drain(0)

    def say(self, **message) -> None:
        self.lines.put_nowait(msgspec.json.encode(LinkMessage(**message)))

    @property
    def request_ids(self) -> list[str]:
        """Each batch counts once, as for the real control: it comes at least once, again where a stop cut it short."""
        once = {(batch.boot_id, batch.sequence): batch for batch in self.batches}
        return [row.request_id for batch in once.values() for row in batch.rows]

    @property
    def names(self) -> list[str]:
        once = {(batch.boot_id, batch.sequence): batch for batch in self.record_batches}
        return [record.name for batch in once.values() for record in batch.decoded()]


class State:
    def in_flight_by_version(self):
        return {"bot/v1.0.0-aaaaaaaa": 3}

    def breaker_states(self):
        return ()

    def cutoffs(self):
        return ()

    def mirror_spending(self):
        return ()

    def pin_reports(self):
        return ()

    def key_uses(self):
        return ()

    def heard(self, answer):
        self.answer = answer


class Gateway:
    def __init__(self, folder, port: int, token: str | None = None) -> None:
        self.folder = folder
        self.pool = Pool(Wheel())
        self.holder: TableHolder[int] = TableHolder(self.compile)
        numbers = count(1)
        self.observer = Observer("g1", "boot", numbers)
        self.records = Records("g1", "boot", numbers)
        settings = LinkSettings(gateway="g1", boot_id="boot", control_url=f"http://127.0.0.1:{port}", join_token=token)
        self.state = State()
        self.link = ControlLink(settings, self.pool, self.holder, self.observer, self.records, self.state, folder)

    @staticmethod
    def compile(snapshot, secrets):
        if snapshot.revision == 13:
            raise ValueError("weights break the law")
        return snapshot.revision


def feedback(name: str) -> FeedbackRecord:
    return FeedbackRecord(at_us=1, key="", name=name, value=True, request_id="req_1")


async def until(condition) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(shipping, "SHIP_SECONDS", 0.02)
    monkeypatch.setattr(shipping, "AWAY_SECONDS", 0.05)
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.3)


@pytest.fixture
async def control():
    made = Control()
    yield made
    if made.server is not None:
        await made.vanish()


@pytest.fixture
async def join(tmp_path):
    joined = []

    def start(port: int, token: str | None = None) -> Gateway:
        gateway = Gateway(tmp_path, port, token)
        gateway.link.start()
        joined.append(gateway)
        return gateway

    yield start
    for gateway in joined:
        await gateway.link.stop()
        gateway.pool.close()


def snapshot(revision: int) -> Snapshot:
    return Snapshot(revision=revision, epoch=1, lease_seconds=60)


async def test_a_snapshot_is_put_in_force_acknowledged_and_stored(control, join, tmp_path):
    gateway = join(await control.listen())
    control.say(snapshot=snapshot(7), secrets={"memory": "s"})
    await until(lambda: gateway.holder.revision == 7)
    await until(lambda: any(beat.revision == 7 for beat in control.heartbeats))
    assert control.heartbeats[-1].in_flight == {"bot/v1.0.0-aaaaaaaa": 3}
    await until(lambda: load_snapshot(tmp_path) == snapshot(7))
    assert "memory" not in (tmp_path / "snapshot.json").read_text().replace('"memory:', "")


async def test_another_level_of_logs_is_followed_once(control, join):
    gateway = join(await control.listen())
    heard = []
    gateway.link.on_log_level = heard.append
    control.say(snapshot=snapshot(1))
    for level in (None, "debug", "debug", "info"):
        control.say(lease=Lease(revision=1, epoch=1, seconds=60, log_level=level))
    await until(lambda: len(heard) >= 2)
    assert heard == ["debug", "info"]


async def test_a_lease_line_renews_the_table_in_force(control, join):
    gateway = join(await control.listen())
    control.say(snapshot=Snapshot(revision=1, epoch=1, lease_seconds=0.0))
    await until(lambda: gateway.holder.revision == 1)
    assert not gateway.holder.is_lease_valid
    control.say(lease=Lease(revision=1, epoch=1, seconds=60))
    await until(lambda: gateway.holder.is_lease_valid)


async def test_a_snapshot_that_breaks_a_law_is_not_acknowledged_and_the_stream_goes_on(control, join):
    gateway = join(await control.listen())
    control.say(snapshot=snapshot(12))
    control.say(snapshot=snapshot(13))
    control.lines.put_nowait(b"this is no message")
    control.say(snapshot=snapshot(14))
    await until(lambda: gateway.holder.revision == 14)
    assert control.follows == 1


async def test_a_feed_that_falls_silent_is_opened_anew(control, join):
    join(await control.listen())
    await until(lambda: control.follows >= 2)


async def test_observations_arrive_once_and_wait_on_disk_while_control_is_away(control, join):
    port = await control.listen()
    gateway = join(port)
    gateway.observer.record(observation("before"))
    await until(lambda: control.request_ids == ["before"])
    await control.vanish()
    gateway.observer.record(observation("meanwhile"))
    await until(lambda: len(list((gateway.folder / "spool").glob("*.batch"))) == 1)
    await control.listen(port)
    gateway.observer.record(observation("after"))
    await until(lambda: sorted(control.request_ids) == ["after", "before", "meanwhile"])
    await until(lambda: not list((gateway.folder / "spool").iterdir()))
    assert gateway.link.dropped == 0


async def test_records_go_their_own_way_and_wait_on_disk_while_control_is_away(control, join):
    port = await control.listen()
    gateway = join(port)
    gateway.records.put(feedback("before"))
    gateway.observer.record(observation("beside"))
    await until(lambda: (control.names, control.request_ids) == (["before"], ["beside"]))
    assert len({batch.sequence for batch in (*control.batches, *control.record_batches)}) == 2, "one numbering"
    await control.vanish()
    gateway.records.put(feedback("meanwhile"))
    await until(lambda: len(list((gateway.folder / "records").glob("*.batch"))) == 1)
    await control.listen(port)
    gateway.records.put(feedback("after"))
    await until(lambda: sorted(control.names) == ["after", "before", "meanwhile"])
    await until(lambda: not list((gateway.folder / "records").iterdir()))
    assert gateway.link.records_dropped == 0


async def test_a_stopping_gateway_says_so_and_leaves_nothing_behind(control, join):
    gateway = join(await control.listen())
    await until(lambda: control.heartbeats != [])
    gateway.observer.record(observation("last words"))
    await gateway.link.announce_stopping()
    assert control.heartbeats[-1].stopping
    await gateway.link.stop()
    assert control.request_ids == ["last words"]


async def test_what_control_did_not_take_before_the_stop_waits_for_the_next_start(control, join, tmp_path):
    port = await control.listen()
    gateway = join(port)
    await until(lambda: control.heartbeats != [])
    await control.vanish()
    gateway.observer.record(observation("kept"))
    await gateway.link.stop()
    await control.listen(port)
    join(port)
    await until(lambda: control.request_ids == ["kept"])


async def test_a_batch_whose_sending_the_stop_interrupts_is_sent_again_under_its_number(control, join):
    port = await control.listen()
    gateway = join(port)
    await until(lambda: control.heartbeats != [])
    control.hangs = True
    gateway.observer.record(observation("interrupted"))
    await until(lambda: control.hung == 1)
    control.hangs = False
    await gateway.link.stop()
    assert control.request_ids == ["interrupted"]
    assert [batch.sequence for batch in control.batches] == [1]


async def test_what_the_process_before_leaves_at_its_end_is_sent_by_the_one_that_replaced_it(
    control, join, monkeypatch
):
    monkeypatch.setattr(shipping, "LOOK_SECONDS", 0.05)
    port = await control.listen()
    gateway = join(port)
    await until(lambda: control.heartbeats != [])
    rows = [observation("left behind")]
    Spool(gateway.folder / "spool").put(ObservationBatch.of("g1", "before", 9, rows), now_ms=1)
    await until(lambda: control.request_ids == ["left behind"])


async def test_a_batch_that_control_calls_malformed_is_given_up_not_sent_for_ever(control, join):
    port = await control.listen()
    gateway = join(port)
    await until(lambda: control.heartbeats != [])
    control.status = 422
    gateway.observer.record(observation("odd"))
    await until(lambda: "/link/v1/observations" in control.refused)
    control.status = 204
    gateway.observer.record(observation("fine"))
    await until(lambda: control.request_ids == ["fine"])


async def test_a_fault_of_ours_in_a_heartbeat_is_logged_with_its_place_and_the_next_ones_are_sent(control, join):
    gateway = join(await control.listen())
    await until(lambda: control.heartbeats != [])
    faults = [OverflowError("int too big to convert"), AttributeError("no such thing"), RuntimeError("odd")]

    def key_uses():
        if faults:
            raise faults.pop()
        return ()

    gateway.state.key_uses = key_uses
    with structlog.testing.capture_logs() as logs:
        gateway.link.report_now()
        await until(lambda: not faults)
        told = len(control.heartbeats)
        await until(lambda: len(control.heartbeats) > told)
    (first, *_) = [line for line in logs if line["event"] == "link.failed"]
    assert (first["loop"], first["error"], first["log_level"]) == ("beat", "odd", "error")
    assert isinstance(first["exc_info"], RuntimeError)


async def test_the_join_token_is_shown_on_every_call(control, join):
    gateway = join(await control.listen(), "let-me-in")
    gateway.observer.record(observation("x"))
    await until(lambda: control.batches != [] and control.heartbeats != [] and control.follows == 1)
    assert control.credentials == {b"Bearer let-me-in"}


def test_the_protocol_is_plain_json_lines():
    line = msgspec.json.encode(LinkMessage(lease=Lease(revision=3, epoch=1, seconds=10)))
    assert json.loads(line) == {"lease": {"revision": 3, "epoch": 1, "seconds": 10.0}}
