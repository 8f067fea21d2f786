"""Suites run against a version when somebody asks, and what gates said, attached to the version."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from tests.fakes.control_server import CONFIGURATION
from tests.fakes.json_endpoint import json_endpoint

from tidegate.errors import ForbiddenError, InvalidInputError, NotFoundError


@pytest_asyncio.fixture(loop_scope="session")
async def judge():
    async with json_endpoint() as made:
        yield made


async def declare(client, **suites):
    bot = {**CONFIGURATION["services"]["bot"], "suites": suites}
    return await client.apply([CONFIGURATION | {"services": {"bot": bot}}])


async def ended(client, identifier: str):
    while (found := await client.evaluation(identifier)).is_under_way:
        await asyncio.sleep(0.02)
    return found


async def test_a_suite_is_run_once_and_recorded_with_its_score(server, client, judge):
    judge.answers["/run"] = (200, {"score": 0.87, "n": 200})
    await declare(client, nightly={"http": f"{judge.url}/run", "score": ">= 0.8"})
    begun = await client.evaluate("bot@stable", "nightly")
    assert (begun.is_under_way, begun.verdict, begun.version.startswith("bot/v1.0.0-")) == (True, None, True)
    found = await ended(client, begun.id)
    assert (found.verdict, found.code, found.score, found.samples) == ("pass", "gate_passed", 0.87, 200)
    assert found.sentence == "the score is 0.87 over 200 cases, >= 0.8 was asked for"
    assert [each.id for each in (await client.evaluations(version="bot@stable")).items] == [begun.id]
    assert (await client.audit(subject=begun.id)).items[0].action == "evaluation.started"
    assert len(judge.seen) == 1


async def test_a_score_below_what_was_asked_for_fails_and_silence_is_no_data(server, client, judge):
    judge.answers["/low"] = (200, {"score": 0.2})
    judge.answers["/hangs"] = None
    await declare(
        client,
        low={"http": f"{judge.url}/low", "score": ">= 0.8"},
        slow={"http": f"{judge.url}/hangs", "timeout": "200ms"},
    )
    low, slow = [await client.evaluate("bot@stable", name) for name in ("low", "slow")]
    assert (await ended(client, low.id)).verdict == "fail"
    found = await ended(client, slow.id)
    assert (found.verdict, found.code) == ("no_data", "gate_unanswered")


async def test_what_cannot_be_run_is_told_with_what_can(server, client, judge):
    await declare(client, nightly={"command": "python eval.py {version}"})
    with pytest.raises(NotFoundError, match=r"no suite 'nightli'.*did you mean 'nightly'"):
        await client.evaluate("bot@stable", "nightli")
    with pytest.raises(InvalidInputError, match="runs no programs"):
        await client.evaluate("bot@stable", "nightly")
    with pytest.raises(NotFoundError):
        await client.evaluate("bot/v9.9.9", "nightly")
    for wrong, said in (({}, "exactly one kind"), ({"http": "ftp://x"}, "no address"), ({"colour": 1}, "colour")):
        with pytest.raises(InvalidInputError, match=said):
            await declare(client, nightly=wrong)
    with pytest.raises(NotFoundError):
        await client.evaluation("evl_none")


async def test_whoever_may_only_look_starts_none(server, client):
    await declare(client, nightly={"http": "http://127.0.0.1:9/run"})
    await server.key("root", "admin")
    viewer = await server.key("viewer", "viewer")
    async with server.client(viewer) as looking:
        with pytest.raises(ForbiddenError):
            await looking.evaluate("bot@stable", "nightly")
        assert (await looking.evaluations()).items == ()
