"""A share that only a segment gets."""

from __future__ import annotations

import pytest
from tests.gateway.gateway_bench import release, service, variant

from tidegate.delivery.snapshot import Segment
from tidegate.errors import InvalidInputError


def targeted(weight: int, target: int):
    return service(
        variant("stable", weight=10_000 - weight),
        variant("candidate", weight=weight),
        release=release(),
        segments={"internal": Segment(header={"X-Team": "acme-*"}), "beta": Segment(metadata={"plan": "beta"})},
        targets={"internal": {"candidate": target}},
    )


async def test_units_of_the_segment_get_its_share_and_everybody_else_the_common_one(bench, simulate):
    bench.provide("sim", await simulate({}))
    bench.publish(targeted(0, 9_999))
    outside = [await bench.chat(headers={"x-tidegate-unit": f"u{n}"}) for n in range(5)]
    inside = [await bench.chat(headers={"x-tidegate-unit": f"u{n}", "x-team": "acme-ml"}) for n in range(5)]
    assert {answer.headers["x-tidegate-variant"] for answer in outside} == {"stable"}
    assert {answer.headers["x-tidegate-variant"] for answer in inside} == {"candidate"}
    rows = await bench.observations.after(10)
    assert {(row.variant, row.propensity) for row in rows} == {("stable", 10_000), ("candidate", 9_999)}
    assert {(row.variant, row.segments) for row in rows} == {("stable", ""), ("candidate", "internal")}


async def test_of_a_release_a_request_tells_every_segment_it_belongs_to_and_otherwise_none(bench, simulate):
    bench.provide("sim", await simulate({}))
    bench.publish(targeted(1, 9_999))
    await bench.chat(metadata={"plan": "beta"}, headers={"x-team": "acme-ml"})
    bench.publish(service(variant("stable"), segments={"beta": Segment(metadata={"plan": "beta"})}))
    await bench.chat(metadata={"plan": "beta"})
    assert [row.segments for row in await bench.observations.after(2)] == ["internal,beta", ""]


async def test_a_target_that_is_no_share_is_refused_and_the_old_table_stays(bench, simulate):
    bench.provide("sim", await simulate({}))
    bench.publish(targeted(0, 9_999))
    with pytest.raises(InvalidInputError, match="sum to 10000"):
        bench.publish(targeted(0, 10_001))
    answer = await bench.chat(headers={"x-team": "acme-ml"})
    assert answer.headers["x-tidegate-variant"] == "candidate"
