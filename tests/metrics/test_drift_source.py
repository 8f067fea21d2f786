"""Drift as a number: how far a version is from its own first day, and why there is sometimes none."""

from datetime import UTC, datetime

import pytest
from tests.fakes.observations import observation

from tidegate.delivery.drift import Behaviour
from tidegate.delivery.tally import Tally, tally
from tidegate.errors import InvalidInputError
from tidegate.metrics.kinds import source_of
from tidegate.metrics.source import NoValueError, Subject

SUBJECT = Subject("bot", "bot/v1.1.0-22222222", "candidate", 300)
FIRST_FROM = datetime(2026, 9, 15, 12, tzinfo=UTC)


def answers(*lengths: int) -> Tally:
    (found,) = tally([observation(output_tokens=length) for length in lengths]).values()
    return found


SHORT, LONG = answers(*range(20, 1020)), answers(*range(220, 1220))


def source(tools, behaviour: Behaviour | None):
    async def told(service: str, version: str) -> Behaviour | None:
        assert (service, version) == (SUBJECT.service, SUBJECT.version)
        return behaviour

    return source_of({"drift": "output_tokens"}, tools._replace(behaviour=told))


async def test_longer_answers_have_a_great_index_and_the_same_ones_none(tools):
    assert await source(tools, Behaviour(FIRST_FROM, SHORT, LONG, True)).read(SUBJECT) > 0.25
    assert await source(tools, Behaviour(FIRST_FROM, SHORT, SHORT, True)).read(SUBJECT) == 0


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (None, "no request yet"),
        (Behaviour(FIRST_FROM, SHORT, Tally(), False), "lasts until 2026-09-16 12:00 UTC"),
        (Behaviour(FIRST_FROM, SHORT, Tally(), True), "1000 on its first day and 0 lately"),
        (Behaviour(FIRST_FROM, SHORT, answers(*range(20, 320)), True), "chance alone could bring an index of 0.1"),
    ],
    ids=["never seen", "first day", "silent", "few"],
)
async def test_without_a_baseline_or_enough_answers_there_is_no_number(tools, behaviour, why):
    with pytest.raises(NoValueError, match=why):
        await source(tools, behaviour).read(SUBJECT)


def test_it_differs_between_variants_and_knows_its_signals(tools):
    assert source(tools, None).tells_variants
    for wrong in ("output_token", 7, None, {}, ["output_tokens"]):
        with pytest.raises(InvalidInputError, match="known are output_tokens, input_tokens"):
            source_of({"drift": wrong}, tools)
