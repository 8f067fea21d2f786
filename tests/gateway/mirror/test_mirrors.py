"""Copies over real sockets: who is copied, what is told of the pair, and that users never notice."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from tests.gateway.gateway_bench import (
    KEY,
    OPERATOR_KEY,
    Bench,
    StartSimulator,
    canary,
    chat_body,
    release,
    service,
    text_of,
    until,
    variant,
)

from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.records import ContentRecord
from tidegate.delivery.snapshot import ContentPolicy
from tidegate.delivery.trace import COPY, parse_traceparent, passed_on
from tidegate.wire.insertion import Insertion

EVERYTHING = Mirroring(share=10_000)


def shadow(
    mirroring: Mirroring = EVERYTHING, *, candidate: dict[str, Any] | None = None, weight: int = 0, **settings: Any
):
    """A service whose requests stable answers, copied to a candidate."""
    return service(
        variant("stable", 10_000 - weight),
        variant("candidate", weight, **(candidate or {})),
        release=release(mirroring=mirroring),
        **settings,
    )


async def give(bench: Bench, simulate: StartSimulator, behaviours: dict[str, Any], *services):
    sim = await simulate(behaviours)
    bench.provide("sim", sim)
    bench.publish(*services or (shadow(),))
    return sim


async def pairs_of(bench: Bench, count: int = 1) -> list[PairRecord]:
    await until(lambda: len(bench.observations.pairs) >= count)
    return bench.observations.pairs


def asked(sim) -> list[str]:
    return sorted(request.model for request in sim.requests)


def results(bench: Bench) -> dict[str, int]:
    ((_, tally),) = bench.gateway.mirrors.tallies()
    return dict(tally.results)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_copy_goes_to_the_candidate_and_the_pair_tells_of_both(bench, simulate, stream):
    sim = await give(
        bench,
        simulate,
        {
            "stable-model": {"answer": "the parcel is on its way"},
            "candidate-model": {"answer": "the parcel is on its way home"},
        },
    )
    answer = await bench.chat(stream=stream)
    assert (answer.status_code, answer.headers["x-tidegate-variant"]) == (200, "stable")
    assert answer.headers["x-tidegate-attempts"] == "1"
    (pair,) = await pairs_of(bench)
    assert asked(sim) == ["candidate-model", "stable-model"]
    assert pair.stable == bench.observations.only  # users' metrics know nothing of the copy
    theirs = pair.candidate
    assert (theirs.request_id, theirs.variant, theirs.served) == (pair.stable.request_id, "candidate", "candidate")
    assert (theirs.release, theirs.attempt, theirs.step, theirs.outcome) == ("r-7", 2, 3, "ok")
    assert (theirs.assigned_outcome, theirs.status, theirs.stream, theirs.propensity) == ("ok", 200, stream, 0)
    assert theirs.output_tokens > pair.stable.output_tokens > 0
    assert theirs.cost_nano_usd > pair.stable.cost_nano_usd > 0
    assert theirs.duration_us > 0
    assert (theirs.ttft_us > 0) == stream
    assert pair.is_exact is False
    assert 500_000 < pair.similarity < 1_000_000
    assert bench.gateway.in_flight_by_version() == {}


async def test_both_upstreams_are_told_spans_of_their_own(bench, simulate):
    sim = await give(bench, simulate, {})
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await bench.chat(headers={"traceparent": trace})
    (pair,) = await pairs_of(bench)
    told = {request.model: request.headers["traceparent"] for request in sim.requests}
    context, request = parse_traceparent(trace), pair.stable.request_id
    assert told["stable-model"] == passed_on(context, request, 1).header
    assert told["candidate-model"] == passed_on(context, request, COPY).header
    assert pair.candidate.trace == trace


async def test_equal_answers_are_exact(bench, simulate):
    await give(bench, simulate, {"*": {"answer": "fine"}})
    await bench.chat()
    (pair,) = await pairs_of(bench)
    assert (pair.is_exact, pair.similarity) == (True, 1_000_000)


async def test_the_candidates_own_prompt_is_rendered_into_the_copy(bench, simulate):
    new = {"insertion": Insertion(model="candidate-model", system="Be brief.")}
    sim = await give(bench, simulate, {}, shadow(candidate=new))
    await bench.chat()
    await pairs_of(bench)
    bodies = {request.model: request.body for request in sim.requests}
    assert bodies["candidate-model"]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [message["role"] for message in bodies["stable-model"]["messages"]] == ["user"]


async def test_a_share_of_requests_is_copied_by_their_ids_alone(bench, simulate):
    await give(bench, simulate, {}, shadow(Mirroring(share=3_000)))
    for _ in range(60):
        await bench.chat()
    plan = bench.gateway.holder.current.routes["bot"].mirror
    expected = [row.request_id for row in bench.observations.rows if plan.samples(row.request_id)]
    assert 0 < len(expected) < 60
    pairs = await pairs_of(bench, len(expected))
    assert sorted(pair.stable.request_id for pair in pairs) == sorted(expected)


async def test_only_what_stable_answers_is_copied(bench, simulate):
    route = canary(mirroring=EVERYTHING)  # everybody is assigned to the candidate
    sim = await give(bench, simulate, {}, route)
    await bench.chat()
    forced = {"authorization": f"Bearer {OPERATOR_KEY}", "x-tidegate-force-version": "stable"}
    await bench.chat(headers=forced)
    await bench.observations.after(2)
    assert asked(sim) == ["candidate-model", "stable-model"]


async def test_without_a_lease_nothing_is_copied(bench, simulate):
    sim = await simulate()
    bench.provide("sim", sim)
    bench.publish(shadow(), has_lease=False)
    assert (await bench.chat()).status_code == 200
    assert asked(sim) == ["stable-model"]
    assert results(bench) == {"no_lease": 1}


HARM = {"stable-model": {"answer": "one two three", "token_seconds": 0.01}}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "hang", "before": "headers"},
        {"kind": "hang", "before": "content"},
        {"kind": "hang", "before": "token"},
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 401},
        {"kind": "reset"},
        {"kind": "truncate", "by": "cut"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_whatever_the_copy_meets_its_user_is_served_as_ever(bench, simulate, fault, stream):
    sim = await give(bench, simulate, {**HARM, "candidate-model": {"faults": [fault]}})
    answer = await bench.chat(stream=stream)
    assert answer.status_code == 200
    assert (text_of(answer.text) if stream else answer.json()["choices"][0]["message"]["content"]) == "one two three"
    assert (await bench.observations.after(1))[0].outcome == "ok"
    if fault["kind"] == "hang":
        await until(lambda: len(sim.requests) == 2)
        assert bench.gateway.mirrors.in_flight == 1  # it still hangs, and the user has the answer
        assert not bench.observations.pairs
    else:
        (pair,) = await pairs_of(bench)
        assert pair.candidate.outcome not in {"ok", "cancelled", "internal_error"}
        assert (pair.is_exact, pair.similarity) == (None, None)
    assert bench.gateway.cutoffs() == ()


async def test_a_copy_has_timers_of_its_own(bench, simulate):
    quick = variant("candidate", 0).timeouts
    impatient = {"timeouts": msgspec.structs.replace(quick, first_token=0.1, total=0.2)}
    await give(bench, simulate, {"candidate-model": {"faults": [{"kind": "hang"}]}}, shadow(candidate=impatient))
    await bench.chat(stream=True)
    (pair,) = await pairs_of(bench)
    assert (pair.stable.outcome, pair.candidate.outcome) == ("ok", "timeout")
    await bench.chat()
    assert (await pairs_of(bench, 2))[1].candidate.outcome == "timeout"


async def test_failing_copies_never_bench_the_deployment_that_users_share(bench, simulate):
    same = {"insertion": Insertion(model="stable-model", system="New.")}
    await give(bench, simulate, {}, shadow(candidate=same))
    table = bench.gateway.holder.current.routes["bot"]
    theirs, users = table.mirror.leg, table.stable.order[0]
    assert theirs.account.origin is users.account.origin
    assert theirs.account.load is not users.account.load
    for _ in range(9):
        theirs.deployment.breaker.failed(0.0, is_probe=False)
    assert users.deployment.breaker.is_admitting
    assert (await bench.chat()).status_code == 200


async def test_a_client_that_leaves_ends_its_copy(bench, simulate):
    sim = await give(
        bench,
        simulate,
        {"stable-model": {"first_token_seconds": 20.0}, "candidate-model": {"faults": [{"kind": "hang"}]}},
    )
    content = msgspec.json.encode(chat_body())
    _, writer = await asyncio.open_connection("127.0.0.1", bench.server.port)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
        % (KEY.encode(), len(content), content)
    )
    await until(lambda: len(sim.requests) == 2)
    writer.close()
    await until(lambda: sim.stats()["aborted"] == 2)
    (pair,) = await pairs_of(bench)
    assert (pair.stable.outcome, pair.candidate.outcome) == ("cancelled", "cancelled")
    assert pair.candidate.is_estimated  # what was read of it costs money all the same
    assert bench.gateway.mirrors.in_flight == 0


@pytest.mark.parametrize("after", ["another release", "no release", "the next step"])
async def test_the_table_that_mirrors_no_more_ends_every_copy_at_once(bench, simulate, after):
    sim = await give(bench, simulate, {"candidate-model": {"faults": [{"kind": "hang"}]}})
    await bench.chat()
    await until(lambda: len(sim.requests) == 2)
    if after == "the next step":
        bench.publish(
            service(variant("stable"), variant("candidate", 0), release=release(step=4, mirroring=EVERYTHING))
        )
        await bench.chat()
        assert bench.gateway.mirrors.in_flight >= 1  # a copy of the step before may end by itself
        return
    context = release(id="r-8", mirroring=EVERYTHING) if after == "another release" else None
    bench.publish(service(variant("stable"), variant("candidate", 0), release=context))
    await until(lambda: bench.gateway.mirrors.in_flight == 0)
    await until(lambda: sim.stats()["aborted"] == 1)


async def test_a_huge_answer_of_the_candidate_is_not_held_and_not_compared(bench, simulate):
    await give(bench, simulate, {"candidate-model": {"answer": "word " * 60_000}})
    assert (await bench.chat(stream=True)).status_code == 200
    (pair,) = await pairs_of(bench)
    assert pair.candidate.outcome == "ok"
    assert pair.candidate.output_tokens > 10_000
    assert (pair.is_exact, pair.similarity) == (None, None)


async def test_the_body_is_shared_and_never_copied(bench, simulate, monkeypatch):
    seen = []
    fork = bench.gateway.mirrors.fork

    def look(call, plan):
        fork(call, plan)
        seen.append((call, call.copy))

    monkeypatch.setattr(bench.gateway.mirrors, "fork", look)
    await give(bench, simulate, {})
    await bench.chat()
    call, copy = seen[0]
    assert copy.call.request.body is call.request.body
    assert copy.call.body is call.body


async def test_draining_sheds_copies_before_users(bench, simulate):
    sim = await give(bench, simulate, {"candidate-model": {"faults": [{"kind": "hang"}]}})
    await bench.chat()
    await until(lambda: len(sim.requests) == 2)
    bench.gateway.mirrors.stop()
    await until(lambda: bench.gateway.mirrors.in_flight == 0)
    assert (await bench.chat()).status_code == 200
    assert results(bench)["no_lease"] == 1


async def test_the_copys_text_is_kept_where_the_service_keeps_content_and_erased_with_its_request(bench, simulate):
    policy = ContentPolicy(sample=10_000, redact=True, keep_seconds=60)
    answers = {"stable-model": {"answer": "yes"}, "candidate-model": {"answer": "write to ann@example.com"}}
    await give(bench, simulate, answers, shadow(content=policy))
    await bench.chat(metadata={"user_id": "u-1"})
    (pair,) = await pairs_of(bench)
    (kept,) = [record for record in bench.observations.others if isinstance(record, ContentRecord)]
    assert (kept.request_id, kept.version) == (f"{pair.stable.request_id}.mirror", pair.candidate.version)
    assert "ann@example.com" not in kept.answer
    assert "write to" in kept.answer
    assert kept.user_hash
    assert kept.is_redacted


async def test_without_a_policy_no_text_leaves_the_gateway(bench, simulate):
    await give(bench, simulate, {})
    await bench.chat()
    await pairs_of(bench)
    assert bench.observations.others == []
