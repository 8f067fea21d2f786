"""Votes on both versions' answers: for whom they count, once for each conversation, late, replaced and void."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controller.test_attribution import BEGAN, NOW
from tests.fakes.observations import batch, observation
from tests.fakes.pairs import pair

from tidegate.controller.attribution import PATIENCE, Attribution
from tidegate.controller.clock import ManualClock
from tidegate.controller.ingest import Ingest
from tidegate.controller.record_ingest import KEEPERS, RecordIngest, pair_keeper
from tidegate.delivery.evidence.votes import Votes
from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.quantities import Seconds
from tidegate.delivery.records import FeedbackRecord, RecordBatch, encode_record
from tidegate.delivery.steps import Interleave
from tidegate.registry import schema
from tidegate.registry.database import Database
from tidegate.registry.feedback.reading import list_feedback
from tidegate.registry.feedback.stored import FeedbackStanding
from tidegate.registry.pairs import read_pair_counts

SHOWN = Interleave(
    mode="side_by_side",
    question="feedback:preference",
    horizon=Seconds(60),
    mirroring=Mirroring(share=10_000, patience=1.0),
)
TURNS = Interleave(mode="turn", question="feedback:thumbs_up", horizon=Seconds(60))


async def _learn(_releases) -> None:
    """Windows are known."""


class World:
    """Everything that stores and counts what users say, over one database."""

    def __init__(self, database: Database, step: Interleave = SHOWN) -> None:
        self.database = database
        self.clock = ManualClock(NOW + timedelta(minutes=1))
        is_sample = lambda row: row.started_at_us >= BEGAN  # noqa: E731
        self.ingest = Ingest(database, self.clock, is_sample=is_sample)
        self.records = RecordIngest(database, self.clock, {**KEEPERS, PairRecord: pair_keeper(is_sample, _learn)})
        self.step = step
        self.attribution = Attribution(database, self.clock, step_of=self._step_of)
        self.sequence = 0

    async def _step_of(self, _release: str, _step: int) -> Interleave | None:
        return self.step

    async def show(self, number: int, *shown: str, unit: int | None = None, **fields: Any) -> None:
        """A pair that was shown in this order."""
        made = pair(**self._plain(number, unit), **fields)
        await self.observe(made.stable)
        await self.store(msgspec.structs.replace(made, shown=shown))

    async def observe(self, *rows) -> None:
        self.sequence += 1
        await self.ingest.store(batch(list(rows), self.sequence, "observations"))

    async def store(self, *records) -> None:
        self.sequence += 1
        await self.records.store(RecordBatch.of("g", "records", self.sequence, map(encode_record, records)))

    async def say(self, number: int, value: Any, *, name: str = "preference", at: int = 50, **fields: Any) -> None:
        await self.store(
            FeedbackRecord(at_us=BEGAN + at, key="", name=name, value=value, request_id=f"req_{number}", **fields)
        )
        await self.attribution.attribute()

    async def turn(self, number: int, variant: str, says: Any, *, conversation: int = 1, at: int = 50) -> None:
        """A turn of a conversation, and what is said of it."""
        fields = {**self._plain(number, conversation), "variant": variant, "served": variant}
        await self.observe(observation(propensity=5_000, **fields))
        await self.say(number, says, name="thumbs_up", at=at)

    def _plain(self, number: int, unit: int | None) -> dict[str, Any]:
        return {
            "request_id": f"req_{number}",
            "release": "rel_1",
            "unit_hash": number if unit is None else unit,
            "started_at_us": BEGAN + number,
        }

    async def votes(self, part: str = "window") -> Votes:
        async with self.database.read() as connection:
            counts = (await read_pair_counts(connection, ["rel_1"]))["rel_1"]
        found = counts.get(("rel_1", 1, 0))
        return Votes() if found is None else getattr(found, part).votes.get(self.step.question, Votes())

    async def standings(self) -> list[FeedbackStanding]:
        async with self.database.read() as connection:
            return [said.standing for said in await list_feedback(connection)]


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observed.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


@pytest.fixture
def world(database) -> World:
    return World(database)


@pytest.mark.parametrize(
    ("shown", "value", "votes"),
    [
        (("candidate", "stable"), 0.0, Votes(wins=1, first=1)),
        (("candidate", "stable"), 1.0, Votes(losses=1, second=1)),
        (("stable", "candidate"), 1.0, Votes(wins=1, second=1)),
        (("stable", "candidate"), 0.0, Votes(losses=1, first=1)),
        (("stable", "candidate"), "tie", Votes(ties=1)),
        (("stable", "candidate"), "neither", Votes(ties=1)),
    ],
)
async def test_a_place_is_a_vote_for_whoever_stood_there(world, shown, value, votes):
    await world.show(1, *shown)
    await world.say(1, value)
    assert await world.votes() == votes
    assert await world.standings() == [FeedbackStanding.COUNTED]


@pytest.mark.parametrize("value", [2.0, 0.5, "left", True])
async def test_what_names_no_place_is_no_vote(world, value):
    await world.show(1, "stable", "candidate")
    await world.say(1, value)
    assert await world.votes() == Votes()
    assert await world.standings() == [FeedbackStanding.UNCOUNTED]


@pytest.mark.parametrize("side", ["stable", "candidate"])
async def test_a_void_pair_has_no_vote(world, side):
    await world.show(1, "stable", "candidate", **{side: {"outcome": "timeout"}})
    await world.say(1, 1.0)
    assert await world.votes() == Votes()
    assert await world.standings() == [FeedbackStanding.UNCOUNTED]


async def test_a_vote_waits_for_its_pair_and_is_unknown_when_none_comes(world):
    made = pair(request_id="req_1", release="rel_1", started_at_us=BEGAN + 1)
    await world.observe(made.stable)
    await world.say(1, 0.0)
    assert await world.standings() == [FeedbackStanding.PENDING]
    await world.store(msgspec.structs.replace(made, shown=("candidate", "stable")))
    await world.attribution.attribute()
    assert await world.votes() == Votes(wins=1, first=1)
    await world.observe(observation(request_id="req_2", release="rel_1", started_at_us=BEGAN + 2))
    await world.say(2, 0.0)
    world.clock.advance(PATIENCE + timedelta(minutes=2))
    await world.attribution.attribute()
    assert sorted(await world.standings()) == [FeedbackStanding.COUNTED, FeedbackStanding.UNKNOWN]


async def test_a_conversation_votes_once_and_further_votes_are_counted_apart(world):
    for number in (1, 2, 3):
        await world.show(number, "candidate", "stable", unit=7)
        await world.say(number, 0.0)
    assert await world.votes() == Votes(wins=1, first=1, repeated=2)


async def test_another_vote_on_the_same_pair_takes_its_place(world):
    await world.show(1, "candidate", "stable")
    await world.say(1, 0.0, at=50)
    await world.say(1, 1.0, at=60)
    assert await world.votes() == Votes(losses=1, second=1)
    await world.say(1, "tie", at=70)
    await world.say(1, 0.0, at=65)  # older than what is known
    assert await world.votes() == Votes(ties=1)


async def test_a_vote_that_is_taken_back_leaves_the_conversations_next_one(world):
    for number, value in ((1, 0.0), (2, 1.0), (3, 1.0)):
        await world.show(number, "candidate", "stable", unit=7)
        await world.say(number, value, at=50 + number)
    assert await world.votes() == Votes(wins=1, first=1, repeated=2)
    await world.say(1, "odd", at=60)  # no vote any more
    assert await world.votes() == Votes(losses=1, second=1, repeated=1)
    await world.say(1, "tie", at=70)  # in the place where it was
    assert await world.votes() == Votes(ties=1, repeated=2)


async def test_a_foreign_key_takes_back_no_vote(world):
    await world.show(1, "candidate", "stable")
    await world.say(1, 0.0, services=("bot",))
    await world.say(1, 1.0, services=("shop",), at=60)
    assert await world.votes() == Votes(wins=1, first=1)


async def test_a_vote_sent_twice_counts_once(world):
    await world.show(1, "candidate", "stable")
    for _ in range(3):
        await world.say(1, 0.0, once="key-1")
    assert await world.votes() == Votes(wins=1, first=1)


async def test_pairs_from_before_the_window_are_counted_apart(world):
    early = {"started_at_us": BEGAN - 5}
    made = pair(request_id="req_1", release="rel_1", **early)
    await world.observe(made.stable)
    await world.store(msgspec.structs.replace(made, shown=("candidate", "stable")))
    await world.say(1, 0.0)
    assert (await world.votes(), await world.votes("early")) == (Votes(), Votes(wins=1, first=1))


async def test_a_preference_counts_as_nothing_else_and_other_feedback_as_ever(world):
    await world.show(1, "candidate", "stable")
    await world.say(1, 0.0)
    await world.say(1, True, name="thumbs_up")
    assert await world.votes() == Votes(wins=1, first=1)
    async with world.database.read() as connection:
        said = {each.name: each for each in await list_feedback(connection)}
    assert (said["thumbs_up"].vote, said["preference"].vote) == ("", "win")


class TestTurns:
    @pytest.fixture
    def world(self, database) -> World:
        return World(database, TURNS)

    @pytest.mark.parametrize(
        ("stable", "candidate", "votes"),
        [
            (False, True, Votes(wins=1)),
            (True, False, Votes(losses=1)),
            (True, True, Votes(ties=1)),
            (3.0, 4.5, Votes(wins=1)),
        ],
    )
    async def test_the_higher_turn_wins(self, world, stable, candidate, votes):
        await world.turn(1, "stable", stable)
        assert await world.votes() == Votes()
        await world.turn(2, "candidate", candidate)
        assert await world.votes() == votes

    async def test_a_conversation_votes_once_by_its_first_turns(self, world):
        await world.turn(1, "candidate", True, at=10)
        await world.turn(2, "stable", False, at=20)
        await world.turn(3, "stable", True, at=30)
        await world.turn(4, "candidate", False, at=40)
        assert await world.votes() == Votes(wins=1)
        await world.turn(5, "stable", True, conversation=2)
        await world.turn(6, "candidate", False, conversation=2)
        assert await world.votes() == Votes(wins=1, losses=1)

    async def test_either_verdict_may_be_replaced_later(self, world):
        await world.turn(1, "candidate", True, at=10)
        await world.turn(2, "stable", False, at=20)
        await world.say(1, False, name="thumbs_up", at=30)
        assert await world.votes() == Votes(ties=1)
        await world.say(2, True, name="thumbs_up", at=40)
        assert await world.votes() == Votes(losses=1)

    async def test_a_rating_that_becomes_words_leaves_the_vote_to_the_next_turn_of_its_version(self, world):
        await world.turn(1, "candidate", True, at=10)
        await world.turn(2, "stable", False, at=20)
        await world.turn(3, "candidate", False, at=30)
        assert await world.votes() == Votes(wins=1)
        await world.say(1, None, name="thumbs_up", comment="hm", at=40)
        assert await world.votes() == Votes(ties=1)
        await world.say(3, None, name="thumbs_up", comment="hm", at=50)
        assert await world.votes() == Votes()

    async def test_turns_of_different_conversations_are_not_compared(self, world):
        await world.turn(1, "candidate", True, conversation=1)
        await world.turn(2, "stable", False, conversation=2)
        assert await world.votes() == Votes()


VOTES = {0.0: Votes(wins=1, first=1), 1.0: Votes(losses=1, second=1), "tie": Votes(ties=1)}
said = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([*VOTES, "odd"]), st.integers(1, 99)), max_size=6)


def expected(said: list[tuple[int, Any, int]]) -> Votes:
    """Of conversations of the pairs 1 and 3, 2 and 4: the first pair that was spoken of and still has a vote."""
    latest = {number: value for number, value, _ in sorted(said, key=lambda each: each[2])}
    since = {number: min(at for other, _, at in said if other == number) for number in latest}
    total = Votes()
    for conversation in (0, 1):
        voted = sorted((since[n], n) for n in latest if n % 2 == conversation and latest[n] in VOTES)
        if voted:
            total += VOTES[latest[voted[0][1]]] + Votes(repeated=len(voted) - 1)
    return total


@settings(max_examples=15, deadline=None)
@given(said.filter(lambda said: len({at for _, _, at in said}) == len(said)), st.randoms())
async def test_counts_are_those_of_the_votes_that_stand_in_whichever_order_they_came(tmp_path_factory, said, chance):
    folder = tmp_path_factory.mktemp("votes")
    database = Database(f"sqlite:///{folder}/observed.db", durability="normal")
    async with database.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    world = World(database)
    for number in range(1, 5):
        await world.show(number, "candidate", "stable", unit=number % 2)
    for number, value, at in chance.sample(said, len(said)):
        await world.say(number, value, at=at)
    found = await world.votes()
    await database.close()
    assert found == expected(said)
