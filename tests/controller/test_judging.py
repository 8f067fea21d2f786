"""The judge worker: a real gateway over sockets, a scripted judge behind it, real storage."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx2
import msgspec
import pytest
from tests.fakes.observations import batch, observation
from tests.gateway.conftest import bench, simulate  # noqa: F401  # fixtures
from tests.gateway.gateway_bench import Bench, service, variant

from tidegate.controller import judging as module
from tidegate.controller.clock import ManualClock
from tidegate.controller.ingest import Ingest
from tidegate.controller.judge_views import judge_view
from tidegate.controller.judging import JudgeStanding, Judging
from tidegate.controller.probe import JUDGE_KEY, OwnCredential
from tidegate.controller.record_ingest import RecordIngest
from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.evidence.votes import Votes
from tidegate.delivery.judging import JudgeSpec
from tidegate.delivery.pairs import PairRecord, copy_id
from tidegate.delivery.records import ContentRecord, FeedbackRecord, RecordBatch, encode_record
from tidegate.registry import schema
from tidegate.registry.database import Database
from tidegate.registry.feedback.attributing import attribute
from tidegate.registry.feedback.keeping import pending
from tidegate.registry.judges import put_judge
from tidegate.registry.observations import Counts, read_counts
from tidegate.registry.pairs import read_pair_counts
from tidegate.registry.requests import of_requests
from tidegate.wire.prompt_text import Turn

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
BEGAN = int(NOW.timestamp() * 1_000_000)
SCRIPT = {"scores": {"lovely": 0.9, "awful": 0.1}}


class _Seen:
    def __init__(self, address: str) -> None:
        self.heartbeat = self
        self.address = address


class Court:
    """Judging with what it stands on."""

    def __init__(self, databases, door: Bench, monkeypatch) -> None:
        self.state, self.observed = databases
        self.bench = door
        self.clock = ManualClock(NOW + timedelta(minutes=1))
        self.credential = OwnCredential(JUDGE_KEY, "invoke")
        self.client = httpx2.AsyncClient(trust_env=False)
        gateways = type("Gateways", (), {"reachable": lambda _: [_Seen(door.url.removeprefix("http://"))]})()
        self.judging = Judging(self.state, self.observed, self.clock, self.client, self.credential, gateways)
        self.sequence = 0
        self.release = type("Row", (), {})()
        self.release.id, self.release.phase = "rel_1", type("Phase", (), {"is_running": True})()

        async def running(_connection):
            return [self.release]

        monkeypatch.setattr(module, "active_releases", running)
        monkeypatch.setattr(module, "judges_of", lambda _: ["kind"])
        self.release.spec = None

    def serve(self, number: str = "v1.0.0-aaaaaaaa", **settings) -> None:
        self.bench.publish(
            service(variant(version=f"judge/{number}"), name="judge"),
            keys=(self.credential.key,),
            **settings,
        )

    async def declare(self, **fields) -> JudgeSpec:
        spec = JudgeSpec(**({"service": "judge", "rubric": "Is it kind?", "sample": 1.0} | fields))
        await self.state.transact(lambda connection: put_judge(connection, "kind", spec, actor="t", at=NOW))
        return spec

    async def answer(self, number: int, text: str, variant: str = "candidate", **fields) -> None:
        """A request of the release whose texts are kept."""
        self.sequence += 1
        row = request(number, variant, **fields)
        ingest = Ingest(self.observed, self.clock, is_sample=lambda row: row.started_at_us >= BEGAN)
        await ingest.store(batch([row], self.sequence))
        await self.records(content(row.request_id, text))

    async def records(self, *records) -> None:
        self.sequence += 1
        ingest = RecordIngest(self.observed, self.clock, module_keepers())
        await ingest.store(RecordBatch.of("g", "records", self.sequence, map(encode_record, records)))

    async def opinions(self, variant: str = "candidate", part: str = "compared") -> Opinions:
        async with self.observed.read() as connection:
            counted = (await read_counts(connection, ["rel_1"]))["rel_1"]
        found = counted.get(("rel_1", 1, 0, 0, variant))
        return Opinions() if found is None else getattr(found, part).opinions.get("judge:kind", Opinions())


def module_keepers():
    from tidegate.controller.record_ingest import KEEPERS, pair_keeper

    async def learn(_releases):
        pass

    return {**KEEPERS, PairRecord: pair_keeper(lambda _: True, learn)}


def request(number: int, variant: str = "candidate", **fields):
    plain = {
        "request_id": f"req_{number}",
        "release": "rel_1",
        "variant": variant,
        "served": variant,
        "unit_hash": number,
        "propensity": 500,
        "started_at_us": BEGAN + number,
    }
    return observation(**(plain | fields))


def content(request_id: str, text: str) -> ContentRecord:
    return ContentRecord(
        request_id=request_id,
        at_us=BEGAN,
        service="bot",
        version="v",
        unit_hash=1,
        prompt=(Turn("user", "hello"),),
        answer=text,
        keep_seconds=3_600,
    )


@pytest.fixture
async def court(tmp_path, bench, simulate, monkeypatch) -> AsyncIterator[Court]:  # noqa: F811
    made = []
    for name, metadata in (("state", schema.state), ("observed", schema.observations)):
        database = Database(f"sqlite:///{tmp_path}/{name}.db", durability="normal")
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        made.append(database)
    bench.provide("sim", await simulate({"stable-model": {"judge": SCRIPT}}))
    court = Court(made, bench, monkeypatch)
    court.serve()
    yield court
    await court.client.aclose()
    for database in made:
        await database.close()


async def test_answers_are_scored_and_counted_for_their_variant_once(court):
    await court.declare()
    await court.answer(1, "a lovely day")
    await court.answer(2, "an awful day")
    await court.answer(3, "a day", variant="stable")
    assert await court.judging.judge() == 3
    assert await court.judging.judge() == 0
    assert await court.opinions() == Opinions.of(0.9) + Opinions.of(0.1)
    assert await court.opinions("stable") == Opinions.of(0.5)


async def test_requests_from_before_the_window_count_apart_and_returning_units_compare_once(court):
    await court.declare()
    await court.answer(1, "a lovely day", started_at_us=BEGAN - 5)
    await court.answer(2, "a lovely day", unit_hash=9)
    await court.answer(3, "an awful day", unit_hash=9)
    assert await court.judging.judge() == 3
    assert await court.opinions(part="early") == Opinions.of(0.9)
    assert (await court.opinions(part="window")).count == 2
    assert (await court.opinions()).count == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        {"answer": "I like it."},
        {"answer": '{"score": 7}', "has_schema_support": False},
        {"faults": [{"kind": "error", "status": 500}]},
        {"faults": [{"kind": "refusal"}]},
    ],
)
async def test_a_judge_that_fails_counts_nothing_and_is_not_asked_for_ever(court, simulate, behaviour):  # noqa: F811
    sim = await simulate({"stable-model": {"has_schema_support": False} | behaviour})
    court.bench.provide("sim", sim)
    court.serve()
    await court.declare()
    await court.answer(1, "a lovely day")
    assert await court.judging.judge() == 0
    assert await court.opinions(part="window") == Opinions()
    standing = court.judging.standings["kind"]
    assert (standing.failed, standing.problem != "") == (1, True)
    assert await court.judging.judge() == 0
    assert court.judging.standings["kind"].failed == 1


async def test_over_its_budget_it_is_not_asked(court):
    await court.declare(budget="0.00001 USD/day")
    await court.answer(1, "a lovely day")
    spent = observation(request_id="req_9", service="judge", started_at_us=BEGAN, cost_nano_usd=20_000)
    await Ingest(court.observed, court.clock).store(batch([spent], 99, "spent"))
    assert await court.judging.judge() == 0
    assert "is spent" in court.judging.standings["kind"].problem
    court.clock.advance(timedelta(days=1))
    assert await court.judging.judge() == 1


async def test_without_a_price_a_budget_cannot_be_kept_and_nothing_is_asked(court):
    await court.declare(budget="5 USD/day")
    await court.answer(1, "a lovely day")
    unpriced = observation(request_id="req_9", service="judge", started_at_us=BEGAN, cost_nano_usd=-1)
    await Ingest(court.observed, court.clock).store(batch([unpriced], 99, "spent"))
    assert await court.judging.judge() == 0
    assert "give its model a price" in court.judging.standings["kind"].problem


async def test_verdicts_of_another_version_of_the_judge_are_never_mixed_in(court):
    await court.declare()
    await court.answer(1, "a lovely day")
    assert await court.judging.judge() == 1
    court.serve("v2.0.0-bbbbbbbb")
    await court.answer(2, "a lovely day")
    assert await court.judging.judge() == 0
    assert "v1.0.0" in court.judging.standings["kind"].problem
    await court.answer(3, "a lovely day", attempt=2)  # another attempt begins anew
    assert await court.judging.judge() == 1


async def test_a_fresh_answer_waits_and_only_the_sample_is_judged(court):
    await court.declare(lag=300.0)
    await court.answer(1, "a lovely day")
    assert await court.judging.judge() == 0
    court.clock.advance(timedelta(minutes=10))
    assert await court.judging.judge() == 1
    await court.declare(sample=0.0)
    await court.answer(2, "a lovely day")
    assert await court.judging.judge() == 0


async def pair(court, number: int, stable: str, candidate: str, **fields) -> None:
    """One mirrored request with both texts kept."""
    await court.answer(number, stable, variant="stable", propensity=10_000, **fields)
    users, theirs = request(number, "stable", **fields), request(number, "candidate", **fields)
    await court.records(PairRecord(stable=users, candidate=theirs), content(copy_id(f"req_{number}"), candidate))


async def test_of_two_answers_the_better_wins_whatever_its_place(court):
    await court.declare(mode="pairwise")
    await pair(court, 1, "an awful day", "a lovely day")
    await pair(court, 2, "a lovely day", "an awful day")
    await pair(court, 3, "a day", "a day")
    assert await court.judging.judge() == 3
    assert await court.opinions(part="window") == Opinions.of(1) + Opinions.of(0) + Opinions.of(0.5)


async def votes(court) -> Votes:
    async with court.observed.read() as connection:
        counted = (await read_pair_counts(connection, ["rel_1"]))["rel_1"]["rel_1", 1, 0]
    return counted.window.votes.get("judge:kind", Votes())


async def test_a_preference_is_a_vote_on_the_pair_and_each_unit_has_one(court):
    await court.declare(mode="pairwise")
    await pair(court, 1, "an awful day", "a lovely day")
    await pair(court, 2, "a lovely day", "an awful day")
    await pair(court, 3, "a day", "a day")
    assert await court.judging.judge() == 3
    assert await votes(court) == Votes(wins=1, ties=1, losses=1, first=2, second=2)
    await pair(court, 4, "an awful day", "a lovely day", unit_hash=1)
    assert await court.judging.judge() == 1
    assert await votes(court) == Votes(wins=1, ties=1, losses=1, first=2, second=2, repeated=1)


async def test_a_judge_in_love_with_the_first_place_makes_ties_and_shows(court, simulate):  # noqa: F811
    court.bench.provide("sim", await simulate({"stable-model": {"judge": SCRIPT | {"first_place": 1.0}}}))
    court.serve()
    spec = await court.declare(mode="pairwise")
    await pair(court, 1, "an awful day", "a lovely day")
    await pair(court, 2, "a lovely day", "an awful day")
    assert await court.judging.judge() == 2
    assert await court.opinions(part="window") == Opinions.of(0.5) + Opinions.of(0.5)
    async with court.observed.read() as connection:
        shown = await judge_view(connection, "kind", spec, JudgeStanding(), court.clock.now())
    assert (shown.position_bias, shown.ties, shown.mean, shown.judged) == (1.0, 1.0, 0.5, 2)


async def test_agreement_with_people_is_shown(court):
    spec = await court.declare()
    for number, (text, label) in enumerate([("lovely", True), ("awful", False), ("lovely", False)], 1):
        await court.answer(number, text)
        await court.records(
            FeedbackRecord(at_us=BEGAN + 9, key="", name="kind", value=label, request_id=f"req_{number}")
        )
    assert await court.judging.judge() == 3
    async with court.observed.write() as connection:
        for said in await pending(connection, received_after_us=0, limit=9):
            found = (await of_requests(connection, [said.request_id]))[said.request_id]
            await attribute(connection, said, found.observation, Counts(found.counted))
    async with court.observed.read() as connection:
        shown = await judge_view(connection, "kind", spec, JudgeStanding(), court.clock.now())
    assert (shown.calibration.labels, shown.calibration.agreement) == (3, pytest.approx(2 / 3))
    assert shown.calibration.correction == pytest.approx(1 / 3 - (0.9 + 0.1 + 0.9) / 3)
    assert json.loads(msgspec.json.encode(shown))["versions"] == {"judge/v1.0.0-aaaaaaaa": 3}
