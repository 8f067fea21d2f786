"""What every kind of metric source must do, whatever it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from tests.fakes.json_endpoint import JsonEndpoint

from tidegate.errors import InvalidInputError
from tidegate.metrics.kinds import SOURCES, source_of
from tidegate.metrics.source import NoValueError, Source, Subject, Tools

SUBJECT = Subject("bot", "bot/v1.1.0-22222222", "candidate", 300)


class Case(NamedTuple):
    """One kind: how it is declared, and how its counterpart answers a number, oddly, or never."""

    declared: Callable[[JsonEndpoint], Any]
    path: str
    number: Callable[[Any], Any]
    odd: tuple[Any, ...]


def vector(*values: Any) -> dict[str, Any]:
    series = [{"metric": {"n": str(n)}, "value": [1_789_473_600, value]} for n, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": series}}


CASES = {
    "prometheus": Case(
        lambda _: "avg(up)",
        "/prom/api/v1/query",
        lambda value: vector(str(value)),
        (
            vector(),
            vector("1", "2"),
            vector("NaN"),
            vector("+Inf"),
            {"status": "error", "error": "parse error"},
            {"status": "success", "data": {"resultType": "matrix", "result": []}},
            {"status": "success", "data": {"resultType": "string", "result": [1, "x"]}},
            [],
            b"<html>",
        ),
    ),
    "http": Case(
        lambda endpoint: {"url": f"{endpoint.url}/score"},
        "/score",
        lambda value: {"value": value},
        (
            {},
            {"value": None},
            {"value": True},
            {"value": "much"},
            {"value": "NaN"},
            {"value": [1]},
            [],
            b"oops",
            b"1" * (2 << 20),
        ),
    ),
}


def test_every_built_in_kind_that_asks_somebody_else_is_held_to_this():
    assert set(CASES) == set(SOURCES) - {"drift"}  # which reads what control has: tests/metrics/test_drift_source.py


@pytest.fixture(params=sorted(CASES))
def case(request) -> Case:
    return CASES[request.param]


@pytest.fixture
def source(request, case, endpoint, tools) -> Source:
    (kind,) = [name for name, known in CASES.items() if known is case]
    return source_of({kind: case.declared(endpoint)}, tools)


@pytest.mark.parametrize("value", [0, 0.25, -3, 95.5])
async def test_a_number_is_read(case, source, endpoint, value):
    endpoint.answers[case.path] = (200, case.number(value))
    assert await source.read(SUBJECT) == value


async def test_whatever_is_no_number_is_no_value_with_its_reason(case, source, endpoint):
    for odd in case.odd:
        endpoint.answers[case.path] = (200, odd)
        with pytest.raises(NoValueError) as caught:
            await source.read(SUBJECT)
        assert len(str(caught.value)) > 10


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 503])
async def test_an_error_and_a_redirect_are_no_value(case, source, endpoint, status):
    endpoint.answers[case.path] = (status, case.number(1))
    with pytest.raises(NoValueError, match=str(status)):
        await source.read(SUBJECT)
    assert len(endpoint.seen) == 1


async def test_nobody_listening_is_no_value(tools):
    for declared in ({"prometheus": {"query": "up", "url": "http://127.0.0.1:9"}}, {"http": "http://127.0.0.1:9/x"}):
        with pytest.raises(NoValueError, match=r"127\.0\.0\.1:9 cannot be asked"):
            await source_of(declared, tools).read(SUBJECT)


async def test_whoever_asks_may_give_up(case, source, endpoint):
    endpoint.answers[case.path] = None
    asking = asyncio.ensure_future(source.read(SUBJECT))
    while not endpoint.seen:
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert 0 < source.timeout <= 60


def test_wrong_settings_are_told_when_it_is_made(case, endpoint, tools: Tools):
    (kind,) = [name for name, known in CASES.items() if known is case]
    for wrong in (7, None, {}, {"url": endpoint.url, "query": "up", "mood": 1}):
        with pytest.raises(InvalidInputError):
            source_of({kind: wrong}, tools)
