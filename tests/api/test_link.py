import msgspec
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tidegate.api.link import link_routes
from tidegate.delivery.observation import ObservationBatch
from tidegate.delivery.records import RecordBatch
from tidegate.delivery.snapshot import Heartbeat, HeartbeatAnswer, MirrorGrant

HEARTBEAT = Heartbeat(gateway="a", boot_id="b", pid=1, address="127.0.0.1:1", build="t", revision=1, epoch=1)


class FakeLink:
    """Remembers what it was told and sends two lines."""

    def __init__(self) -> None:
        self.heartbeats: list[Heartbeat] = []
        self.batches: list[ObservationBatch] = []
        self.records: list[RecordBatch] = []
        self.watched: list[tuple[str, str]] = []
        self.is_leading = True
        self.grants: tuple[MirrorGrant, ...] = ()

    async def watch(self, gateway, boot_id):
        self.watched.append((gateway, boot_id))
        yield b"{}\n"
        yield b'{"lease":null}\n'

    def hear(self, heartbeat):
        self.heartbeats.append(heartbeat)
        return HeartbeatAnswer(is_leading=self.is_leading, grants=self.grants)

    async def store(self, batch):
        is_new = (batch.boot_id, batch.sequence) not in [(known.boot_id, known.sequence) for known in self.batches]
        self.batches.append(batch)
        return is_new

    async def store_records(self, batch):
        self.records.append(batch)
        return True


def client(join_token: str | None = None) -> tuple[FakeLink, TestClient]:
    link = FakeLink()
    return link, TestClient(Starlette(routes=link_routes(link, join_token)))


def test_a_heartbeat_reaches_control_as_it_was_sent():
    link, http = client()
    assert http.post("/link/v1/heartbeats", content=msgspec.json.encode(HEARTBEAT)).status_code == 204
    assert link.heartbeats == [HEARTBEAT]


def test_who_does_not_lead_takes_heartbeats_and_says_so():
    link, http = client()
    link.is_leading = False
    assert http.post("/link/v1/heartbeats", content=msgspec.json.encode(HEARTBEAT)).status_code == 202
    assert link.heartbeats == [HEARTBEAT]


def test_what_control_grants_comes_with_the_answer():
    link, http = client()
    link.grants = (MirrorGrant(service="bot", release="rel_1", attempt=1, step=0, cost=7, tokens=9),)
    answer = http.post("/link/v1/heartbeats", content=msgspec.json.encode(HEARTBEAT))
    assert answer.status_code == 200
    assert msgspec.json.decode(answer.content, type=HeartbeatAnswer).grants == link.grants


def test_a_malformed_heartbeat_is_refused_with_its_field():
    link, http = client()
    answer = http.post("/link/v1/heartbeats", content=b'{"gateway": 3}')
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["where"] == "POST /link/v1/heartbeats"
    assert "$.gateway" in answer.json()["detail"]
    assert link.heartbeats == []


def test_a_batch_sent_twice_is_told_so():
    _, http = client()
    body = msgspec.msgpack.encode(ObservationBatch(gateway="a", boot_id="b", sequence=1, rows=[]))
    answers = [http.post("/link/v1/observations", content=body).json() for _ in range(2)]
    assert answers == [{"stored": True}, {"stored": False}]


def test_records_reach_control_as_they_were_sent():
    link, http = client()
    sent = RecordBatch.of("a", "b", 1, [b"\xc3"])
    assert http.post("/link/v1/records", content=msgspec.msgpack.encode(sent)).json() == {"stored": True}
    assert [(batch.boot_id, batch.sequence, len(batch)) for batch in link.records] == [("b", 1, 1)]


@pytest.mark.parametrize("path", ["observations", "records"])
def test_a_body_that_is_no_batch_is_refused(path):
    _, http = client()
    assert http.post(f"/link/v1/{path}", content=b"\xc1").status_code == 422


@pytest.mark.parametrize(
    ("path", "bound"),
    [("heartbeats", "MAX_HEARTBEAT_BYTES"), ("observations", "MAX_BATCH_BYTES"), ("records", "MAX_BATCH_BYTES")],
)
def test_a_body_above_the_bound_is_refused_before_it_is_read_as_anything(path, bound, monkeypatch):
    monkeypatch.setattr(f"tidegate.api.link.{bound}", 100)
    _, http = client()
    answer = http.post(f"/link/v1/{path}", content=b"x" * 101)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_snapshots_stream_lines_to_a_named_gateway():
    link, http = client()
    answer = http.get("/link/v1/snapshots", params={"gateway": "a", "boot": "b"})
    assert answer.text.splitlines() == ["{}", '{"lease":null}']
    assert link.watched == [("a", "b")]


def test_a_gateway_that_does_not_say_who_it_is_gets_no_snapshot():
    _, http = client()
    assert http.get("/link/v1/snapshots", params={"gateway": "a"}).status_code == 422


def test_every_endpoint_asks_for_the_join_token():
    link, http = client("s3cret")
    calls = [
        lambda headers: http.get("/link/v1/snapshots", params={"gateway": "a", "boot": "b"}, headers=headers),
        lambda headers: http.post("/link/v1/heartbeats", content=msgspec.json.encode(HEARTBEAT), headers=headers),
        lambda headers: http.post(
            "/link/v1/observations",
            content=msgspec.msgpack.encode(ObservationBatch(gateway="a", boot_id="b", sequence=1, rows=[])),
            headers=headers,
        ),
        lambda headers: http.post(
            "/link/v1/records", content=msgspec.msgpack.encode(RecordBatch.of("a", "b", 2, [])), headers=headers
        ),
    ]
    for call in calls:
        assert call({}).status_code == call({"authorization": "Bearer wrong"}).status_code == 401
        assert call({"authorization": "Bearer s3cret"}).is_success
    assert len(link.heartbeats) == len(link.batches) == len(link.records) == len(link.watched) == 1
