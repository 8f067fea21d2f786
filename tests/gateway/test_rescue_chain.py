"""Retries, fallbacks and rescues over real sockets."""

from __future__ import annotations

import asyncio

import pytest
from tests.gateway.gateway_bench import Bench, StartSimulator, canary, service, text_of, until, variant

from tidegate.delivery.attempts import attempts_of
from tidegate.delivery.snapshot import Price
from tidegate.wire.insertion import Insertion


def error(status: int, **settings):
    return {"kind": "error", "status": status, **settings}


def models(sim) -> list[str]:
    """Whom the gateway asked, in order."""
    return [request.model for request in sim.requests]


async def give(bench: Bench, simulate: StartSimulator, behaviours, *services):
    sim = await simulate({name: {"faults": faults} for name, faults in behaviours.items()})
    bench.provide("sim", sim)
    bench.publish(*services)
    return sim


CANDIDATE_FAULTS = [
    error(400),
    error(401),
    error(403),
    error(404),
    error(413),
    error(422),
    error(429),
    error(429, code="insufficient_quota"),
    error(500),
    error(503),
    {"kind": "content_filter"},
    {"kind": "context_length"},
    {"kind": "reset"},
    {"kind": "closed"},
    {"kind": "redirect"},
    {"kind": "wrong_content_type"},
    {"kind": "truncated_json", "after_tokens": 0},
    {"kind": "truncate", "by": "chunk", "after_tokens": 0},
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", CANDIDATE_FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
async def test_every_failure_of_a_candidate_is_rescued_by_stable_at_once(bench, simulate, fault, stream):
    sim = await give(bench, simulate, {"candidate-model": [fault]}, canary())
    answer = await bench.chat(stream=stream)
    assert answer.status_code == 200
    assert models(sim) == ["candidate-model", "stable-model"]
    assert (answer.headers["x-tidegate-variant"], answer.headers["x-tidegate-attempts"]) == ("stable", "2")
    row = (await bench.observations.after(1))[0]
    assert (row.variant, row.served, row.outcome, row.fallbacks) == ("candidate", "stable", "ok", 1)
    assert row.assigned_outcome not in {"ok", "cancelled", "caller_error"}
    assert (row.release, row.attempt, row.step) == ("r-7", 2, 3)


async def test_a_candidate_that_refuses_connections_is_rescued(bench, simulate, closed_port):
    bench.provide("sim", await simulate())
    bench.provide("gone", closed_port)
    bench.publish(canary(candidate={"provider": "gone"}))
    answer = await bench.chat()
    assert (answer.status_code, answer.headers["x-tidegate-variant"]) == (200, "stable")
    assert (await bench.observations.after(1))[0].assigned_outcome == "upstream_error"


async def test_a_candidate_whose_secret_is_missing_is_rescued_without_asking_it(bench, simulate):
    sim = await simulate()
    bench.provide("sim", sim)
    bench.provide("keyless", sim, credential="env:MISSING")
    bench.publish(canary(candidate={"provider": "keyless"}))
    answer = await bench.chat()
    assert answer.headers["x-tidegate-variant"] == "stable"
    assert models(sim) == ["stable-model"]
    assert (await bench.observations.after(1))[0].assigned_outcome == "upstream_rejected"


async def test_a_candidate_whose_prompt_cannot_be_rendered_is_rescued(bench, simulate):
    sim = await give(
        bench,
        simulate,
        {},
        canary(
            candidate={
                "insertion": Insertion(model="candidate-model", system="Hi {{ name }}", variables={"name": None})
            }
        ),
    )
    answer = await bench.chat()
    assert answer.headers["x-tidegate-variant"] == "stable"
    assert models(sim) == ["stable-model"]
    assert (await bench.observations.after(1))[0].assigned_outcome == "upstream_rejected"


async def test_a_variable_that_no_variant_gets_is_the_callers_error(bench, simulate):
    needs = {"insertion": Insertion(model="m", system="Hi {{ name }}", variables={"name": None})}
    await give(bench, simulate, {}, canary(candidate=needs, stable=needs))
    answer = await bench.chat()
    assert answer.status_code == 400
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.assigned_outcome) == ("caller_error", "caller_error")


async def test_a_variable_that_stable_lacks_is_the_callers_error_too(bench, simulate):
    needs = Insertion(model="m", system="Hi {{ name }}", variables={"name": None})
    sim = await give(bench, simulate, {}, service(variant(insertion=needs)))
    answer = await bench.chat()
    assert answer.status_code == 400
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.assigned_outcome) == ("caller_error", "caller_error")
    assert (await bench.chat(tidegate={"variables": {"name": "Ann"}})).status_code == 200
    assert sim.requests[0].body["messages"][0] == {"role": "system", "content": "Hi Ann"}


async def test_a_deployment_that_rejected_is_not_asked_again_under_another_name(bench, simulate):
    sim = await give(
        bench,
        simulate,
        {"stable-model": [error(403)]},
        service(variant(fallbacks=("sim/stable-model", "sim/rescue-model"))),
    )
    assert (await bench.chat()).status_code == 200
    assert models(sim) == ["stable-model", "rescue-model"]


async def test_a_candidate_shares_its_deployment_with_stable_and_is_rescued_all_the_same(bench, simulate):
    sim = await give(
        bench,
        simulate,
        {"stable-model": [error(403, first=1)]},
        canary(candidate={"insertion": Insertion(model="stable-model", system="New prompt.")}),
    )
    assert (await bench.chat()).headers["x-tidegate-variant"] == "stable"
    assert models(sim) == ["stable-model", "stable-model"]


async def test_stables_passing_fault_is_retried_on_stable(bench, simulate):
    for fault in (
        error(500),
        error(429),
        error(408),
        {"kind": "reset"},
        {"kind": "closed"},
        {"kind": "truncated_json"},
    ):
        sim = await give(
            bench,
            simulate,
            {"stable-model": [fault | {"first": 1}]},
            service(variant(fallbacks=("sim/rescue-model",))),
        )
        answer = await bench.chat()
        assert answer.status_code == 200
        assert models(sim) == ["stable-model", "stable-model"]
        assert answer.headers["x-tidegate-attempts"] == "2"
    row = (await bench.observations.after(6))[0]
    assert (row.outcome, row.assigned_outcome, row.served, row.fallbacks) == ("ok", "upstream_error", "stable", 0)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_stables_rejection_goes_to_the_fallback_and_never_back(bench, simulate, status):
    sim = await give(
        bench, simulate, {"stable-model": [error(status)]}, service(variant(fallbacks=("sim/rescue-model",)))
    )
    answer = await bench.chat()
    assert answer.status_code == 200
    assert models(sim) == ["stable-model", "rescue-model"]
    assert answer.headers["x-tidegate-variant"] == "fallback"
    assert answer.headers["x-tidegate-version"] == "sim/rescue-model"
    row = (await bench.observations.after(1))[0]
    assert (row.served, row.fallbacks, row.assigned_outcome) == ("fallback", 1, "upstream_rejected")


async def test_an_exhausted_quota_goes_to_the_fallback_without_a_retry(bench, simulate):
    sim = await give(
        bench,
        simulate,
        {"stable-model": [error(429, code="insufficient_quota")]},
        service(variant(fallbacks=("sim/rescue-model",))),
    )
    assert (await bench.chat()).status_code == 200
    assert models(sim) == ["stable-model", "rescue-model"]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (error(400), "upstream_rejected"),
        (error(413), "upstream_rejected"),
        (error(422), "upstream_rejected"),
        ({"kind": "content_filter"}, "filtered"),
    ],
    ids=["400", "413", "422", "filter"],
)
async def test_the_callers_own_mistake_at_stable_is_final(bench, simulate, fault, outcome):
    sim = await give(bench, simulate, {"stable-model": [fault]}, service(variant(fallbacks=("sim/rescue-model",))))
    answer = await bench.chat()
    assert answer.status_code == fault.get("status", 400)
    assert models(sim) == ["stable-model"]
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.assigned_outcome, row.served, row.status) == (outcome, outcome, "", answer.status_code)
    assert (row.input_tokens, row.cost_nano_usd) == (-1, -1)


async def test_one_budget_covers_candidate_stable_and_fallbacks(bench, simulate):
    always = [error(500)]
    sim = await give(
        bench,
        simulate,
        {"candidate-model": always, "stable-model": always, "rescue-model": always, "last-model": always},
        canary(
            candidate={"max_attempts": 3},
            stable={"fallbacks": ("sim/rescue-model", "sim/last-model")},
        ),
    )
    answer = await bench.chat()
    assert answer.status_code == 500
    assert models(sim) == ["candidate-model", "stable-model", "rescue-model"]
    assert answer.headers["x-tidegate-attempts"] == "3"
    assert answer.json()["error"]["message"] == "The simulated model failed as told."


async def test_a_providers_rejection_is_not_blamed_on_the_client(bench, simulate):
    await give(bench, simulate, {"stable-model": [error(401, message="bad key sk-123")]}, service())
    answer = await bench.chat()
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_rejected"
    assert "sk-123" not in answer.text


async def test_a_rate_limit_that_remains_is_told_with_its_wait(bench, simulate):
    sim = await give(bench, simulate, {"stable-model": [error(429, retry_after_seconds=90)]}, service())
    answer = await bench.chat()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "90")
    assert models(sim) == ["stable-model"]  # coming back before 90 s would be in vain
    assert (await bench.observations.after(1))[0].outcome == "rate_limited"


@pytest.mark.parametrize("form", ["seconds", "milliseconds"])
async def test_a_short_wait_is_honoured(bench, simulate, form):
    wait = 1.0 if form == "seconds" else 0.2
    await give(
        bench,
        simulate,
        {"stable-model": [error(429, first=1, retry_after_seconds=wait, retry_after_form=form)]},
        service(),
    )
    answer = await bench.chat()
    assert answer.status_code == 200
    assert (await bench.observations.after(1))[0].duration_us >= wait * 1e6


async def test_a_malformed_whole_answer_is_rescued_and_never_seen(bench, simulate):
    sim = await give(
        bench, simulate, {"stable-model": [{"kind": "wrong_content_type"}]}, service(variant(fallbacks=("sim/other",)))
    )
    answer = await bench.chat()
    assert answer.json()["choices"][0]["message"]["content"] == "fine"
    assert models(sim)[-1] == "other"


async def test_an_answer_compressed_against_our_wish_is_read(bench, simulate):
    bench.provide("sim", await simulate({"stable-model": {"is_gzipped": True, "answer": "squeezed"}}))
    bench.publish(service())
    assert (await bench.chat()).json()["choices"][0]["message"]["content"] == "squeezed"
    assert text_of((await bench.chat(stream=True)).text) == "squeezed"


async def test_a_large_answer_is_passed_through(bench, simulate):
    bench.provide("sim", await simulate({"stable-model": {"answer": "word " * 10, "tokens": 2_000_000}}))
    bench.publish(service())
    answer = await bench.chat()
    assert answer.status_code == 200
    assert len(answer.content) > 8 << 20
    assert answer.json()["choices"][0]["finish_reason"]
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.input_tokens, row.is_estimated) == ("ok", -1, False)


async def test_a_full_provider_is_passed_over_or_answers_429(bench, simulate):
    slow = await simulate({"stable-model": {"faults": [{"kind": "hang", "first": 1}]}})
    bench.provide("sim", slow, max_in_flight=1)
    bench.provide("spare", await simulate())
    bench.publish(service(variant(fallbacks=("spare/m",))), service(variant(), name="alone"))
    holding = asyncio.ensure_future(bench.chat())
    await until(lambda: bool(slow.requests))
    second, third = await bench.chat(), await bench.chat(model="alone")
    assert second.headers["x-tidegate-variant"] == "fallback"
    assert (third.status_code, third.headers["retry-after"]) == (429, "1")
    holding.cancel()
    await bench.observations.after(3)
    assert (await bench.chat(model="alone")).status_code == 200
    outcomes = [row.outcome for row in await bench.observations.after(4)]
    assert outcomes == ["ok", "rate_limited", "cancelled", "ok"]


async def test_a_request_keeps_the_table_it_started_with(bench, simulate):
    sim = await simulate({"stable-model": {"first_token_seconds": 0.2}})
    bench.provide("sim", sim)
    bench.publish(service())
    under_way = asyncio.ensure_future(bench.chat(stream=True))
    await until(lambda: bool(sim.requests))
    bench.publish(service(variant(version="bot/v2.0.0-dddddddd", insertion=Insertion(model="new-model"))))
    assert (await under_way).headers["x-tidegate-version"] == "bot/v1.0.0-aaaaaaaa"
    assert (await bench.chat()).headers["x-tidegate-version"] == "bot/v2.0.0-dddddddd"
    assert [row.revision for row in await bench.observations.after(2)] == [1, 2]


async def test_a_price_nobody_told_makes_the_cost_unknown(bench, simulate):
    sim = await simulate()
    bench.provide("sim", sim, prices={"else": Price(input=1, output=1, cached=1)})
    bench.publish(service())
    await bench.chat()
    assert (await bench.observations.after(1))[0].cost_nano_usd == -1


async def test_each_attempt_is_told_with_its_begin_and_its_end(bench, simulate):
    await give(bench, simulate, {"stable-model": [error(503, first=1)]}, service())
    assert (await bench.chat()).headers["x-tidegate-attempts"] == "2"
    (row,) = await bench.observations.after(1)
    failed, answered = attempts_of(row)
    assert (failed.deployment, failed.outcome) == ("sim/stable-model", "upstream_error")
    assert (answered.outcome, answered.ended_us) == ("", row.duration_us)
    assert row.own_us == failed.began_us <= failed.ended_us <= answered.began_us
    assert row.later_attempts_us == (answered.began_us,)


async def test_one_attempt_tells_nothing_more(bench, simulate):
    await give(bench, simulate, {}, service())
    await bench.chat()
    (row,) = await bench.observations.after(1)
    assert (row.trail, row.later_attempts_us, row.surprisal_tokens) == ((), (), 0)
