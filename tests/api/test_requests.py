"""Requests over the API: filters, kept texts and who sees them, erasure, and what a release was judged by."""

import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from tests.api.test_feedback import ids_of
from tests.fakes.observations import batch, observation

from tidegate.delivery.pairs import copy_id
from tidegate.delivery.records import ContentRecord, RecordBatch, encode_record
from tidegate.delivery.traffic import subject_hash
from tidegate.errors import ForbiddenError, InvalidInputError, NotFoundError
from tidegate.wire.prompt_text import Turn

_NUMBERS = count(1)
SECRET = "my dog is called Bartholomew"


def began(seconds_ago: float) -> int:
    return int((time.time() - seconds_ago) * 1_000_000)


def content(server, request_id: str, *, user: str = "", conversation: str = "", **fields) -> ContentRecord:
    salt = server.control.publisher.current.services["bot"].salt
    plain = {
        "at_us": began(60),
        "service": "bot",
        "version": "bot/v1.0.0-00000000",
        "unit_hash": subject_hash(salt, request_id),
        "user_hash": subject_hash(salt, user) if user else 0,
        "conversation_hash": subject_hash(salt, conversation) if conversation else 0,
        "prompt": (Turn("system", "Be kind."), Turn("user", SECRET)),
        "answer": f"So: {SECRET}",
        "keep_seconds": 3_600,
    }
    return ContentRecord(request_id=request_id, **(plain | fields))


async def keep(server, *records) -> None:
    await server.control.store_records(RecordBatch.of("g", "texts", next(_NUMBERS), map(encode_record, records)))


async def observe(server, *rows) -> None:
    await server.control.store(batch(list(rows), sequence=next(_NUMBERS), boot_id="requests"))


def bytes_of(server) -> bytes:
    """Everything that lies on disk of the database of observations."""
    folder = Path(server.control.observed.url.removeprefix("sqlite:///")).parent
    return b"".join(file.read_bytes() for file in folder.glob("observed.db*"))


async def test_filters_find_what_they_say(server, client):
    rows = [
        observation(request_id="slow", started_at_us=began(9), duration_us=12_000_000),
        observation(request_id="costly", started_at_us=began(8), cost_nano_usd=500_000_000),
        observation(request_id="filtered", started_at_us=began(7), outcome="filtered", variant="candidate"),
        observation(request_id="old", started_at_us=began(90_000), version="bot/v0.9.0-99999999"),
    ]
    await observe(server, *rows)

    async def ids(**wanted) -> list[str]:
        return [row.request_id for row in (await client.requests(**wanted)).items]

    assert await ids() == ["filtered", "costly", "slow", "old"]
    assert await ids(slower_than=10) == await ids(slower_than=5.5) == ["slow"]
    assert await ids(costlier_than=0.4) == ["costly"]
    assert await ids(filtered=True) == await ids(outcome="filtered") == await ids(variant="candidate") == ["filtered"]
    assert await ids(version="bot/v0.9.0-99999999", service="bot") == ["old"]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert await ids(until=yesterday) == ["old"]
    assert await ids(since=yesterday) == ["filtered", "costly", "slow"]


@pytest.mark.parametrize(
    "query", ["since=2026-01-01T00:00:00", "since=yesterday", "slower_than=-1", "slower_than=nan", "costlier_than=x"]
)
async def test_a_filter_that_means_nothing_is_refused(shared, query):
    answer = await shared.send("GET", f"/requests?{query}")
    assert answer.status_code == 422, answer.text


async def test_kept_texts_are_shown_to_whoever_may_operate(server):
    await observe(server, observation(request_id="req_1"))
    await keep(server, content(server, "req_1", is_redacted=True))
    await server.key("admin", "admin")
    keys = {role: await server.key(role, role) for role in ("viewer", "operator")}
    async with server.client(keys["operator"]) as operator, server.client(keys["viewer"]) as viewer:
        seen = (await operator.request("req_1")).content
        assert [(turn.role, turn.text) for turn in seen.prompt] == [("system", "Be kind."), ("user", SECRET)]
        assert (seen.answer, seen.is_redacted, seen.is_cut) == (f"So: {SECRET}", True, False)
        hidden = await viewer.request("req_1")
        assert (hidden.content, hidden.is_content_hidden) == (None, True)
        with pytest.raises(ForbiddenError):
            await viewer.erase_content(request_id="req_1")


async def test_erasure_leaves_nothing_in_any_file_and_keeps_nothing_that_arrives_late(server, client):
    await observe(server, *(observation(request_id=f"req_{n}") for n in (1, 2, 3)))
    await keep(server, content(server, "req_1", user="jane"), content(server, "req_2", conversation="jane"))
    await keep(server, content(server, "req_3", user="bob", prompt=(), answer="hello Bob"))
    assert SECRET.encode() in bytes_of(server)
    erased = await client.erase_content(service="bot", unit="jane")
    assert (erased.contents, erased.feedback_texts) == (2, 0)
    assert SECRET.encode() not in bytes_of(server)
    assert (await client.request("req_1")).content is None
    assert (await client.request("req_3")).content.answer == "hello Bob"
    await keep(server, content(server, "req_4", user="jane"))  # from a gateway that was cut off
    assert SECRET.encode() not in bytes_of(server)
    await keep(server, content(server, "req_5", user="jane", at_us=began(-60)))  # what Jane writes afterwards is new
    assert SECRET.encode() in bytes_of(server)
    assert (await client.erase_content(service="bot", unit="jane")).contents == 1


async def test_erasure_takes_the_words_of_feedback_and_leaves_its_value(server, client):
    (request_id,) = ids_of(server)
    await observe(server, observation(request_id=request_id))
    await keep(server, content(server, request_id, user="jane"))
    await client.feedback("rating", 2, request_id=request_id, comment=SECRET, demonstration=SECRET)
    erased = await client.erase_content(service="bot", unit="jane")
    assert (erased.contents, erased.feedback_texts) == (1, 1)
    (said,) = (await client.read_feedback()).items
    assert (said.value, said.comment, said.demonstration) == (2.0, "", "")
    assert SECRET.encode() not in bytes_of(server)
    row = (await client.audit(subject="bot")).items[0]
    assert (row.action, row.actor, row.detail["contents"]) == ("content.erased", "ann@desk", 1)
    assert "jane" not in str(row.detail)


async def test_one_request_is_erased_alone(server, client):
    await observe(server, *(observation(request_id=f"req_{n}") for n in (1, 2)))
    copy = content(server, copy_id("req_1"), prompt=(), answer="so says the candidate")
    await keep(server, *(content(server, f"req_{n}") for n in (1, 2)), copy)
    assert (await client.request("req_1")).mirrored.answer == "so says the candidate"
    assert (await client.erase_content(request_id="req_1")).contents == 2
    assert (await client.request("req_1")).content is (await client.request("req_1")).mirrored is None
    assert (await client.request("req_2")).content is not None
    for wrong in ({}, {"unit": "u", "request_id": "req_1", "service": "bot"}, {"unit": "u"}):
        with pytest.raises(InvalidInputError):
            await client.erase_content(**wrong)
    with pytest.raises(NotFoundError):
        await client.erase_content(request_id="req_nobody")


async def test_texts_are_forgotten_when_their_time_is_over_and_when_they_are_too_many(server, client, monkeypatch):
    rows = [observation(request_id=f"req_{n}") for n in (1, 2, 3)]
    await observe(server, *rows)
    await keep(server, content(server, "req_1", at_us=began(4_000)), content(server, "req_2"))
    await keep(server, content(server, "req_3", keep_seconds=9_000, answer="x"))
    await server.control.said.clean_up()
    kept = [(await client.request(row.request_id)).content is not None for row in rows]
    assert kept == [False, True, True]
    monkeypatch.setattr("tidegate.controller.said.MOST_CONTENT", 150)
    await server.control.said.clean_up()
    kept = [(await client.request(row.request_id)).content is not None for row in rows]
    assert kept == [False, False, True]


async def test_what_a_release_was_judged_by_is_told_with_who_declared_it(server, client):
    await client.push({"model": "sim/gpt", "prompt": {"system": "You help well."}}, service="bot", version="v1.1.0")
    guardrails = [{"metric": "error_rate", "hard": "> 5%"}]
    release = await client.release("bot", "v1.1.0", spec={"guardrails": guardrails}, reason="try it")
    rows = [observation(request_id=f"req_{n}", release=release.id, propensity=500, unit_hash=n) for n in range(3)]
    await observe(server, *rows)
    found = await client.counts(release.id)
    assert found.spec["guardrails"] == [{"metric": "error_rate", "hard": "> 5%"}]
    assert [(each.action, each.actor, each.detail["reason"]) for each in found.thresholds] == [
        ("release.submitted", "ann@desk", "try it")
    ]
    (arm,) = found.arms
    assert (arm.variant, arm.early["requests"], arm.early["outcomes"]) == ("stable", 3, {"ok": 3})
    assert "requests" not in arm.window
    with pytest.raises(NotFoundError):
        await client.counts("rel_nobody")
