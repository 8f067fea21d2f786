"""What each sink sends, and who hears of what."""

import base64
import hashlib
import hmac
import os
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx2
import msgspec
import pytest

from tidegate.controller.clock import ManualClock
from tidegate.controller.programs import ProgramSettings
from tidegate.controller.sinks.program import ProgramSink
from tidegate.controller.sinks.subscriptions import Subscriptions
from tidegate.controller.sinks.webhook import PagerDutySink, SlackSink, WebhookSink, signature
from tidegate.delivery.notifying import EVENTS, NotifySpec, SinkSettings
from tidegate.errors import InvalidInputError, UpstreamError
from tidegate.registry.outbox import OutboxRow

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
PROGRAMS = ProgramSettings(is_enabled=True, environment={"PATH": os.defpath})


def row(event: str, **payload) -> OutboxRow:
    told = {
        "release": "rel_1",
        "service": "bot",
        "version": "bot/v1.1.0-22222222",
        "attempt": 1,
        "sentence": "It is worse.",
        "at": NOW.isoformat(),
    }
    return OutboxRow(
        id=1,
        sink="x",
        event=f"notify.{event}",
        payload=told | payload,
        dedupe_key="x:rel_1/1/0/notify:1",
        created_at=NOW,
        attempts=0,
    )


class Receiver:
    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.got: list[httpx2.Request] = []
        self.client = httpx2.AsyncClient(transport=httpx2.MockTransport(self._take))

    def _take(self, request: httpx2.Request) -> httpx2.Response:
        self.got.append(request)
        return httpx2.Response(self.status, headers={"location": "http://elsewhere"})

    @property
    def bodies(self):
        return [msgspec.json.decode(request.content) for request in self.got]


async def test_a_webhook_gets_the_event_signed_over_id_time_and_body():
    receiver = Receiver()
    await WebhookSink("x", "https://hooks.example/", "s3cret", receiver.client, ManualClock(NOW)).deliver(
        row("rolled_back")
    )
    (request,) = receiver.got
    identifier, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    signed = f"{identifier}.{timestamp}.".encode() + request.content
    expected = base64.b64encode(hmac.new(b"s3cret", signed, hashlib.sha256).digest()).decode()
    assert (
        request.headers["webhook-signature"]
        == f"v1,{expected}"
        == signature("s3cret", identifier, timestamp, request.content)
    )
    assert (identifier, timestamp) == ("x:rel_1/1/0/notify:1", str(int(NOW.timestamp())))
    assert receiver.bodies[0]["event"] == "rolled_back"


async def test_a_repetition_has_the_same_id():
    receiver = Receiver()
    sink = WebhookSink("x", "https://hooks.example/", None, receiver.client, ManualClock(NOW))
    await sink.deliver(row("promoted"))
    await sink.deliver(row("promoted"))
    assert len({request.headers["webhook-id"] for request in receiver.got}) == 1
    assert "webhook-signature" not in receiver.got[0].headers


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_no_success_means_not_told(status):
    receiver = Receiver(status)
    with pytest.raises(UpstreamError, match=str(status)):
        await SlackSink("x", "https://hooks.example/", receiver.client).deliver(row("paused"))
    assert len(receiver.got) == 1


async def test_slack_gets_a_headline_and_the_sentence():
    receiver = Receiver()
    await SlackSink("x", "https://hooks.example/", receiver.client).deliver(row("rolled_back"))
    (body,) = receiver.bodies
    assert body["text"] == "bot: rolled back v1.1.0-22222222"
    assert (body["attachments"][0]["text"], body["attachments"][0]["color"]) == ("It is worse.", "danger")


async def test_pagerduty_opens_one_incident_for_a_rollback_and_ends_the_same():
    receiver = Receiver()
    sink = PagerDutySink("x", "key", receiver.client)
    for event in ("rolling_back", "rolling_back", "rolled_back", "progressed", "paused", "resumed"):
        await sink.deliver(row(event))
    told = [(body["event_action"], body["dedup_key"].rpartition("/")[2]) for body in receiver.bodies]
    assert told == [
        ("trigger", "rolling_back"),
        ("trigger", "rolling_back"),
        ("resolve", "rolling_back"),
        ("trigger", "paused"),
        ("resolve", "paused"),
    ]
    assert receiver.bodies[0]["payload"]["severity"] == "critical"
    assert receiver.bodies[0]["routing_key"] == "key"


async def test_a_program_gets_the_event_on_its_standard_input(tmp_path):
    told = tmp_path / "told"
    code = f"import sys; open('{told}', 'w').write(sys.argv[1] + sys.stdin.read())"
    await ProgramSink("x", f'"{sys.executable}" -c "{code}" {{event}}{{trigger}}', PROGRAMS).deliver(row("promoted"))
    assert told.read_text().startswith("promoted{")


async def test_a_program_that_fails_has_not_told():
    with pytest.raises(UpstreamError, match="exited with 3"):
        await ProgramSink("x", f'"{sys.executable}" -c "raise SystemExit(3)"', PROGRAMS).deliver(row("promoted"))


def subscriptions(*configured, programs=PROGRAMS):
    return Subscriptions(configured, programs, httpx2.AsyncClient(), ManualClock(NOW))


def release(*notify, service="bot"):
    return SimpleNamespace(id="rel_1", service=service, spec=SimpleNamespace(notify=notify))


def test_who_hears_of_what():
    made = subscriptions(
        SinkSettings(name="oncall", pagerduty="key", events=("rolled_back",)),
        SinkSettings(name="shop", slack="https://s.example", services=("shop",)),
        SinkSettings(name="all", webhook="https://w.example"),
    )
    own = NotifySpec(webhook="https://r.example", events=("promoted",))
    assert made.of_event(release(), "rolled_back") == ("log", "oncall", "all")
    assert made.of_event(release(service="shop"), "promoted") == ("log", "shop", "all")
    assert made.of_event(release(own), "promoted") == ("log", "all", "rel_1/0")
    assert made.of_event(release(own), "progressed") == ("log",)
    assert made.of_event(release(NotifySpec(sink="oncall", events=("promoted",))), "promoted") == (
        "log",
        "all",
        "oncall",
    )
    assert made.everything == ("log",)


def test_each_means_has_its_sink():
    made = subscriptions(
        SinkSettings(name="a", webhook="https://w.example", secret="s"),
        SinkSettings(name="b", slack="https://s.example"),
        SinkSettings(name="c", pagerduty="key"),
        SinkSettings(name="d", command="notify"),
        programs=ProgramSettings(),
    )
    kinds = [type(made.sink(name)).__name__ for name in ("log", "a", "b", "c", "d")]
    assert kinds == ["LogSink", "WebhookSink", "SlackSink", "PagerDutySink", "ProgramSink"]
    assert made.sink("e") is None
    own = made.own_sink("rel_1/0", release(NotifySpec(slack="https://s.example")))
    assert (type(own).__name__, made.release_of("rel_1/0"), made.release_of("a")) == ("SlackSink", "rel_1", None)
    assert made.own_sink("rel_1/7", release()) is None


def test_a_release_may_name_known_sinks_and_programs_only_where_enabled():
    made = subscriptions(SinkSettings(name="oncall", pagerduty="key"), programs=ProgramSettings())
    made.check((NotifySpec(sink="oncall"), NotifySpec(slack="https://s.example")))
    with pytest.raises(InvalidInputError, match="no sink 'oncal'"):
        made.check((NotifySpec(sink="oncal"),))
    with pytest.raises(InvalidInputError, match="runs no programs"):
        made.check((NotifySpec(command="notify-send"),))


def test_without_events_everything_but_progress_is_heard():
    heard = [event for event in EVENTS if NotifySpec(webhook="https://w.example").wants(event)]
    assert set(EVENTS) - set(heard) == {"progressed"}
