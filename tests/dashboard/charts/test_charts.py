import math
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.dashboard.charts.forest import forests
from tidegate.dashboard.charts.histograms import histograms
from tidegate.dashboard.charts.narrowing import levels, narrowing
from tidegate.dashboard.charts.outlook import outlook
from tidegate.dashboard.charts.river import river
from tidegate.dashboard.charts.scale import HEIGHT, WIDTH, Scale, nice_ceiling
from tidegate.dashboard.charts.shares import routed_parts, served_parts, tried_weight
from tidegate.dashboard.charts.spark import spark
from tidegate.shapes.experiments import ArmEffect
from tidegate.shapes.reports import DriftBin, DriftSignal
from tidegate.shapes.traffic import JudgedHistory, JudgedPoint, Traffic, TrafficPoint, TrafficSeries

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
NUMBER = re.compile(r"-?\d+\.\d")


def point(second: int, requests: int) -> TrafficPoint:
    unknown = ("cost_usd", "ttft_p50_seconds", "ttft_p95_seconds", "latency_p50_seconds", "latency_p95_seconds")
    nothing = ("failures", "assigned_failures", "rescued", "input_tokens", "output_tokens")
    at = NOW + timedelta(seconds=second)
    return TrafficPoint(at=at, requests=requests, **dict.fromkeys(unknown), **dict.fromkeys(nothing, 0))


def traffic(until: int = 60, **versions: list[int]) -> Traffic:
    series = tuple(
        TrafficSeries(
            version=name,
            variant="stable",
            release="",
            points=tuple(point(10 * place, count) for place, count in enumerate(counts) if count),
        )
        for name, counts in versions.items()
    )
    return Traffic(service="bot", since=NOW, until=NOW + timedelta(seconds=until), step_seconds=10, series=series)


def judged(second: float, effect: float | None, lower: float | None, upper: float | None, **more) -> JudgedPoint:
    fields = {
        "at": NOW + timedelta(seconds=second),
        "step": 0,
        "weight": 500,
        "verdict": "inconclusive",
        "code": "undecided",
        "samples": 10 * int(second + 1),
        "estimate": 1.0,
        "lower": None,
        "upper": None,
        "stable_samples": 100,
        "stable_estimate": 1.0,
        "effect": effect,
        "effect_lower": lower,
        "effect_upper": upper,
    }
    return JudgedPoint(**{**fields, **more})


def history(*points: JudgedPoint, limit: float = 0.1) -> JudgedHistory:
    return JudgedHistory(metric="latency.p95", is_comparison=True, limit=limit, points=points)


@given(st.floats(-1e9, 1e9), st.floats(0.001, 1e9), st.floats(-1e12, 1e12))
def test_a_scale_never_leaves_the_picture(low, span, value):
    assert -1e-9 <= Scale(low, low + span, 100.0)(value) <= 100.0 + 1e-9


@given(st.floats(1e-9, 1e12))
def test_a_nice_ceiling_is_near_and_not_below(value):
    assert value * (1 - 1e-6) <= nice_ceiling(value) <= value * 5


def test_the_river_holds_all_requests_stable_at_the_bottom():
    drawn = river(traffic(old=[10, 5, 0, 0, 0, 0], new=[0, 5, 20, 20, 20, 20]), ("old",), "new")
    assert [(band.version, band.kind) for band in drawn.bands] == [("old", "stable"), ("new", "candidate")]
    assert drawn.requests == 100
    assert drawn.bands[1].share == 1.0
    assert drawn.top * 10 >= 20


def test_the_river_keeps_within_the_picture_and_ends_where_it_is_told():
    drawn = river(traffic(old=[3, 9, 4, 7, 1, 8]), ("old",), None, NOW + timedelta(seconds=30))
    assert drawn.until == NOW + timedelta(seconds=30)
    coordinates = [float(number) for band in drawn.bands for number in NUMBER.findall(band.path)]
    assert all(0 <= x <= WIDTH for x in coordinates[::2])
    assert all(0 <= y <= HEIGHT for y in coordinates[1::2])


def test_a_river_without_requests_is_dry():
    assert river(traffic()).bands == ()
    assert river(traffic()).requests == 0


def test_versions_that_are_neither_stable_nor_on_trial_have_colours_of_their_own():
    drawn = river(traffic(a=[1], b=[1], c=[1]), ("b",), None)
    assert [(band.version, band.kind) for band in drawn.bands] == [("b", "stable"), ("a", "other-1"), ("c", "other-2")]


def test_an_interval_narrows_in_the_picture_as_it_does_in_numbers():
    points = [judged(second, 0.02, 0.02 - 0.4 / second, 0.02 + 0.4 / second) for second in range(1, 40)]
    drawn = narrowing(history(*points))
    heights = [float(y) for y in re.findall(r"\d+\.\d (\d+\.\d)", drawn.band)]
    upper, lower = heights[: len(points)], heights[len(points) :][::-1]
    widths = [below - above for above, below in zip(upper, lower, strict=True)]
    assert widths == sorted(widths, reverse=True)
    assert drawn.bound < drawn.zero  # the bound lies above no difference


def test_an_open_interval_fills_the_picture_and_no_effect_draws_none():
    drawn = narrowing(history(judged(1, 0.02, None, None)))
    assert drawn.low < 0 < drawn.high
    assert all(math.isfinite(float(number)) for number in NUMBER.findall(drawn.band))
    assert narrowing(history(judged(1, None, None, None))) is None


def test_levels_show_both_arms_and_a_limit_where_it_is_one():
    drawn = levels(history(judged(1, 0, 0, 0), judged(2, 0, 0, 0), limit=5.0), has_limit=True)
    assert drawn.high > 5.0
    assert drawn.limit is not None
    assert levels(history(judged(1, 0, 0, 0, estimate=None)), has_limit=False) is None


def test_the_outlook_reckons_with_the_root_of_the_samples():
    wide = [judged(second, 0.0, -0.2, 0.2) for second in range(10)]
    assert outlook(history(*wide)) == (300, 30)  # half as wide: four times as many


@pytest.mark.parametrize(
    "newest",
    [
        judged(9, 0.0, -0.2, 0.2, verdict="pass"),
        judged(9, None, None, None),
        judged(9, 0.2, 0.0, 0.4, step=1),
        judged(9, 0.1, -5.0, 50.0),
    ],
)
def test_nothing_is_foretold_where_nothing_can_be(newest):
    assert outlook(history(*(judged(second, 0.0, -0.2, 0.2) for second in range(9)), newest)) is None


def test_parts_of_a_bar_add_up_and_begin_with_stable():
    parts = served_parts({"new": 1, "old": 3, "older": 2}, "old", "older")
    assert [(each.version, each.kind) for each in parts] == [
        ("old", "stable"),
        ("older", "candidate"),
        ("new", "other"),
    ]
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert served_parts({}, "old") == []


def test_a_line_of_nothing_is_not_drawn():
    assert spark([0, 0, 0]) == spark([1]) == ""
    assert spark([0, 1]).startswith("M0.0 23.0L96.0 1.0")


def signal(*counts: tuple[int, int]) -> DriftSignal:
    bins = tuple(
        DriftBin(start=2.0**at, end=2.0 ** (at + 1), first=one, now=two) for at, (one, two) in enumerate(counts)
    )
    return DriftSignal(
        signal="output_tokens",
        unit="tokens",
        index=0.0,
        noise=None,
        degree="unknown",
        first_count=sum(one for one, _ in counts),
        now_count=sum(two for _, two in counts),
        first_median=None,
        now_median=None,
        bins=bins,
    )


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=24))
def test_both_histograms_stay_within_the_picture_and_equal_ones_look_the_same(counts):
    drawn = histograms(signal(*counts))
    for numbers in (NUMBER.findall(drawn.first), NUMBER.findall(drawn.now)):
        assert all(0 <= float(x) <= WIDTH for x in numbers[0::2])
        assert all(0 <= float(y) <= drawn.height for y in numbers[1::2])
    assert (drawn.low, drawn.high) == (1.0, 2.0 ** len(counts))
    same = histograms(signal(*((one, 10 * one) for one, _ in counts)))
    assert same.first.startswith(same.now)


def test_a_side_without_values_is_not_drawn():
    assert histograms(signal()) is None
    assert histograms(signal((3, 0), (1, 0))).now == ""


def told(variant: str, low: float | None, at: float | None, high: float | None, **more) -> ArmEffect:
    fields = {
        "metric": "feedback:liked",
        "variant": variant,
        "role": "objective",
        "better": "higher",
        "standing": "undecided",
        "unit": "share",
        "estimate": 0.7,
        "control_estimate": 0.6,
        "effect": at,
        "lower": low,
        "upper": high,
        "lift": at and at / 0.6,
        "lift_lower": low and low / 0.6,
        "lift_upper": high and high / 0.6,
        "probability": 0.9,
        "e_value": 1.0,
        "p_value": 1.0,
        "samples": 200,
        "control_samples": 210,
        "sentence": "",
        "change": "",
    }
    return ArmEffect(**{**fields, **more})


def test_lanes_of_one_metric_share_a_scale_around_control():
    kinds = {"control": "stable", "a": "candidate", "b": "other-1"}
    first, second = forests(
        [
            told("a", 0.05, 0.1, 0.15),
            told("b", -0.02, 0.0, 0.02),
            told("a", -0.3, 0.1, 0.5, metric="cost", unit="USD"),
        ],
        kinds,
    )
    a, b = first.lanes
    assert (first.metric, first.reach, first.control) == ("feedback:liked", pytest.approx(0.108), 0.6)
    assert (a.kind, b.kind) == ("candidate", "other-1")
    assert WIDTH / 2 < a.lower < a.at
    assert (b.at, a.upper, a.is_open_above) == (WIDTH / 2, WIDTH, True)  # far wider than b's, so it leaves the picture
    assert (b.is_open_below, b.is_open_above) == (False, False)
    assert second.lanes[0].change == pytest.approx(0.1 / 0.6)


def test_what_is_too_little_does_not_stretch_the_scale_and_what_is_unknown_has_no_place():
    (forest,) = forests(
        [told("a", 0.05, 0.1, 0.15), told("b", None, -0.9, None, standing="no_data"), told("c", None, None, None)], {}
    )
    a, b, c = forest.lanes
    assert forest.reach < 0.2
    assert a.has_interval
    assert (b.at, b.has_interval) == (0.0, False)
    assert (c.at, c.is_open_below, c.is_open_above) == (None, True, True)
    assert forests([], {}) == []


def test_a_routed_bar_shows_every_arm_of_an_experiment_behind_stable():
    weights = {"short": 3_000, "old": 4_000, "long": 3_000}
    parts = routed_parts(weights, "old", "short")
    assert [(part.version, part.share, part.kind) for part in parts] == [
        ("old", 0.4, "stable"),
        ("short", 0.3, "candidate"),
        ("long", 0.3, "other"),
    ]
    assert tried_weight(weights, "old") == 6_000


def test_a_routed_bar_without_a_stable_version_leaves_its_share_empty():
    assert [part.share for part in routed_parts({"first": 2_500}, None, "first")] == [0.75, 0.25]
