"""Compiling snapshots."""

from __future__ import annotations

import pytest
from tests.gateway.gateway_bench import OPERATOR_KEY, PRICE, canary, release, resolve, service, variant

from tidegate.delivery.snapshot import Provider, Snapshot, Timeouts
from tidegate.errors import InvalidInputError
from tidegate.gateway.cutoff import Trial
from tidegate.gateway.rescue import Role
from tidegate.gateway.table import RoutingTable
from tidegate.gateway.table_compiler import compile_table
from tidegate.gateway.telemetry import Telemetry
from tidegate.gateway.upstreams import Upstreams
from tidegate.wire.insertion import Insertion


@pytest.fixture
def upstreams() -> Upstreams:
    return Upstreams(resolve)


def provider(name: str = "sim", **settings) -> Provider:
    values = {"name": name, "dialect": "openai", "base_url": "http://127.0.0.1:9/v1", "prices": {"*": PRICE}}
    return Provider(**(values | settings))


def compiled(upstreams, *services, providers=None, secrets=None, **settings) -> RoutingTable:
    named = {one.name: one for one in providers or [provider()]}
    snapshot = Snapshot(
        revision=1, epoch=1, providers=named, services={route.name: route for route in services}, **settings
    )
    return compile_table(snapshot, secrets or {}, upstreams=upstreams, telemetry=Telemetry(), boot=b"abcdef")


def test_the_order_of_rescue_is_candidate_stable_and_stables_fallbacks(upstreams):
    route = compiled(upstreams, canary(stable={"fallbacks": ("sim/x", "sim/y")})).routes["bot"]
    stable, candidate = route.arms
    assert [leg.role for leg in candidate.order] == [Role.CANDIDATE, Role.STABLE, Role.FALLBACK, Role.FALLBACK]
    assert [leg.insertion.model for leg in candidate.order] == ["candidate-model", "stable-model", "x", "y"]
    assert candidate.order[1:] == stable.order
    assert route.stable is stable
    assert candidate.trial == Trial("bot", "r-7", 2, "candidate")
    assert stable.trial is None


def test_fallbacks_receive_what_stable_would_have_received(upstreams):
    insertion = Insertion(model="m", system="Be kind.", generation={"temperature": 0})
    order = compiled(upstreams, service(variant(insertion=insertion, fallbacks=("sim/x",)))).routes["bot"].arms[0].order
    assert order[1].insertion == Insertion(model="x", system="Be kind.", generation={"temperature": 0})


@pytest.mark.parametrize(
    ("fallbacks", "attempts", "shares"),
    [
        ((), 3, (60,)),
        (("sim/x",), 3, (30, 60)),
        (("sim/x", "sim/y", "sim/z"), 3, (20, 20, 60, 60)),
        (("sim/x",), 1, (60, 60)),
    ],
)
def test_who_can_still_be_asked_has_an_equal_share_of_total(upstreams, fallbacks, attempts, shares):
    settings = {"fallbacks": fallbacks, "max_attempts": attempts, "timeouts": Timeouts(total=60.0)}
    stable, candidate = compiled(upstreams, canary(stable=settings)).routes["bot"].arms
    assert tuple(leg.whole_seconds for leg in stable.order) == shares
    assert candidate.order[0].whole_seconds == candidate.order[0].timeouts.total


def test_equal_deployments_share_their_breaker_over_tables_and_variants(upstreams):
    first = compiled(upstreams, service(variant(), fallbacks := variant("b", 0))).routes["bot"].arms
    assert fallbacks.weight == 0
    second = compiled(upstreams, service()).routes["bot"].arms
    assert first[0].order[0].deployment is second[0].order[0].deployment
    assert first[1].order[0].deployment is not first[0].order[0].deployment


def test_a_mended_secret_or_another_address_is_another_deployment(upstreams):
    def deployment(secret="a", **settings):
        one = provider(credential="memory:k", **settings)
        return (
            compiled(upstreams, service(), providers=[one], secrets={"k": secret})
            .routes["bot"]
            .arms[0]
            .order[0]
            .deployment
        )

    first = deployment()
    assert deployment() is first
    assert deployment("b") is not first
    assert deployment(base_url="http://127.0.0.1:10/v1") is not deployment()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"credential": "env:NONE"}, "no secret"),
        ({"base_url": "ftp://example.com"}, "address"),
        ({"base_url": "https://example.com", "ca_file": "/nonexistent.pem"}, "CA file"),
    ],
)
def test_an_unusable_provider_breaks_only_itself(upstreams, settings, words):
    table = compiled(
        upstreams, service(variant(fallbacks=("good/m",))), providers=[provider(**settings), provider("good")]
    )
    own, fallback = table.routes["bot"].arms[0].order
    (problem,) = table.problems()
    assert problem == own.account.problem
    assert words in problem
    assert problem.startswith("The provider 'sim' cannot be used: ")
    assert not own.is_free()
    assert fallback.is_free()


def test_an_undeclared_provider_and_wrong_weights_refuse_the_snapshot(upstreams):
    with pytest.raises(InvalidInputError, match=r"'gone' is not declared.*known: sim"):
        compiled(upstreams, service(variant(provider="gone")))
    with pytest.raises(InvalidInputError, match="sum to 10000"):
        compiled(upstreams, service(variant("stable", 9_000)))


def test_prices_are_the_models_own_or_the_providers_default(upstreams):
    own = PRICE.__class__(input=1, output=2, cached=3)
    one = provider(prices={"stable-model": own, "*": PRICE})
    order = compiled(upstreams, service(variant(fallbacks=("sim/other",))), providers=[one]).routes["bot"].arms[0].order
    assert (order[0].price, order[1].price) == (own, PRICE)


def test_a_load_is_shared_by_all_models_of_a_provider_and_its_bound_follows_the_table(upstreams):
    first = compiled(upstreams, service(variant(fallbacks=("sim/x",))), providers=[provider(max_in_flight=1)])
    own, other = first.routes["bot"].arms[0].order
    own.account.load.in_flight = 1
    assert not other.is_free()
    compiled(upstreams, service(), providers=[provider(max_in_flight=2)])
    assert other.is_free()


@pytest.mark.parametrize("settings", [{"credential": "memory:k"}, {"headers": {"x-org": "a\r\nx-evil: 1"}}])
def test_nothing_is_injected_through_a_secret_or_header_the_provider_is_disabled(upstreams, settings):
    table = compiled(upstreams, service(), providers=[provider(**settings)], secrets={"k": "a\r\nx-evil: 1"})
    leg = table.routes["bot"].arms[0].order[0]
    assert not leg.is_free()
    assert "CR, LF or NUL" in leg.account.problem
    assert "evil" not in leg.account.problem


def test_the_head_of_a_request_is_built_from_provider_path_and_length(upstreams):
    account = (
        compiled(
            upstreams,
            service(),
            providers=[provider(credential="memory:k", headers={"X-Org": "acme"})],
            secrets={"k": "s"},
        )
        .routes["bot"]
        .arms[0]
        .order[0]
        .account
    )
    for length in (1, 7_654_321):
        head = account.head("/chat/completions", ((b"content-type", b"application/json"),), length)
        lines = head.decode().split("\r\n")
        assert lines[0] == "POST /v1/chat/completions HTTP/1.1"
        assert {"authorization: Bearer s", "x-org: acme", f"content-length: {length}", "host: 127.0.0.1:9"} <= set(
            lines
        )


def test_a_release_without_variants_on_trial_has_no_trials(upstreams):
    table = compiled(upstreams, service(release=release()), canary(), service(variants=(), stable=None, name="empty"))
    assert list(table.trials()) == [Trial("bot", "r-7", 2, "candidate")]
    assert ("bot", "bot/v1.1.0-bbbbbbbb", 10_000) in list(table.weights())


async def test_a_provider_that_cannot_be_used_is_told_once_and_again_when_it_comes_back(bench, simulate):
    told = []
    bench.gateway._report_problem = told.append
    bench.provide("sim", await simulate(), credential="memory:nowhere")
    bench.publish(service())
    bench.publish(service())
    assert len(told) == 1
    assert "'sim' cannot be used" in told[0]
    assert "nowhere" in told[0]
    bench.provide("sim", await simulate())
    bench.publish(service())
    bench.provide("sim", await simulate(), credential="memory:nowhere")
    bench.publish(service())
    assert len(told) == 2


async def test_a_user_is_told_that_the_provider_cannot_be_used_and_an_operator_also_why(bench, simulate):
    bench.provide("sim", await simulate(), credential="memory:nowhere")
    bench.publish(service())
    user = await bench.chat()
    assert (user.status_code, user.json()["error"]["code"]) == (502, "provider_unusable")
    assert "nowhere" not in user.text
    operator = {"authorization": f"Bearer {OPERATOR_KEY}", "x-tidegate-force-version": "stable"}
    assert "memory:nowhere" in (await bench.chat(headers=operator)).json()["error"]["message"]
