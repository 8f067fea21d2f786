from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from tidegate.gateway.process_figures import ProcessFigures
from tidegate.gateway.telemetry import Histogram, Telemetry
from tidegate.gateway.telemetry_page import histogram_lines, merge, render
from tidegate.loop_lag import watch_loop


def page(telemetry: Telemetry) -> bytes:
    return asyncio.run(render(telemetry, ProcessFigures()))


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """A page as an independent parser reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_a_value_on_a_bound_belongs_to_it_and_counts_are_cumulative():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 99.0):
        histogram.add(value)
    assert list(histogram_lines(histogram, "h", 'a="b"')) == [
        'h_bucket{a="b",le="1.0"} 2',
        'h_bucket{a="b",le="2.0"} 3',
        'h_bucket{a="b",le="+Inf"} 4',
        'h_sum{a="b"} 102.000000',
        'h_count{a="b"} 4',
    ]


def test_the_page_is_what_prometheus_reads_also_with_awkward_labels():
    telemetry = Telemetry(dropped=lambda: 3)
    series = telemetry.series('a "quoted"\nname\\', "v", "stable")
    series.outcomes["ok"] += 2
    series.cost_nano_usd += 1_500
    series.input_tokens += 7
    telemetry.overhead.add(0.0001)
    telemetry.show_table(9, [("bot", "bot/v1", 9_000)])
    found = samples(page(telemetry))
    labels = (("service", 'a "quoted"\nname\\'), ("variant", "stable"), ("version", "v"))
    assert found["tidegate_requests_total", (("outcome", "ok"), *labels)] == 2
    assert found["tidegate_cost_usd_total", labels] == 1.5e-6
    assert found["tidegate_tokens_total", (("direction", "input"), *labels)] == 7
    assert found["tidegate_traffic_weight", (("service", "bot"), ("version", "bot/v1"))] == 0.9
    assert found["tidegate_snapshot_revision", ()] == 9
    assert found["tidegate_observations_dropped_total", ()] == 3
    assert found["tidegate_overhead_seconds_count", ()] == 1


def test_a_new_table_keeps_the_counters_and_replaces_the_weights():
    telemetry = Telemetry()
    telemetry.series("bot", "v1", "stable").outcomes["ok"] += 1
    telemetry.show_table(1, [("bot", "v1", 10_000)])
    telemetry.show_table(2, [("bot", "v2", 10_000)])
    found = samples(page(telemetry))
    assert ("tidegate_traffic_weight", (("service", "bot"), ("version", "v1"))) not in found
    assert telemetry.series("bot", "v1", "stable").outcomes["ok"] == 1


def test_in_flight_adds_up_the_variants_of_a_version():
    telemetry = Telemetry()
    telemetry.series("bot", "v1", "stable").in_flight = 2
    telemetry.series("bot", "v1", "candidate").in_flight = 1
    telemetry.series("bot", "v2", "candidate").in_flight = 0
    assert telemetry.in_flight() == {"v1": 3}


def test_a_series_shows_once_something_happened_in_it():
    telemetry = Telemetry()
    telemetry.series("bot", "v1", "stable")
    assert b'service="bot"' not in page(telemetry)
    telemetry.series("bot", "v1", "stable").outcomes["filtered"] += 1
    found = samples(page(telemetry))
    labels = (("service", "bot"), ("variant", "stable"), ("version", "v1"))
    assert found["tidegate_filter_hits_total", labels] == 1


def test_pages_of_workers_become_one_with_each_family_in_one_place():
    workers = [Telemetry(gateway=name) for name in ("g1", "g2")]
    for number, telemetry in enumerate(workers, start=1):
        telemetry.series("bot", "v1", "stable").outcomes["ok"] += number
    merged = merge(page(telemetry) for telemetry in workers)
    labels = (("outcome", "ok"), ("service", "bot"), ("variant", "stable"), ("version", "v1"))
    found = samples(merged)
    assert [found["tidegate_requests_total", (("gateway", name), *labels)] for name in ("g1", "g2")] == [1, 2]
    heads = [line for line in merged.splitlines() if line.startswith(b"# TYPE")]
    assert len(heads) == len(set(heads))


async def test_a_long_page_lets_other_work_through():
    telemetry = Telemetry()
    for number in range(200):
        telemetry.series(f"bot-{number}", "v1", "stable").outcomes["ok"] += 1
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await render(telemetry, ProcessFigures())
    counting.cancel()
    assert turns >= 5


async def test_the_lag_of_the_event_loop_is_counted():
    lag = Histogram((0.1, 60.0))
    watching = asyncio.create_task(watch_loop(lag.add))
    async with asyncio.timeout(120):
        while not sum(lag.counts):
            await asyncio.sleep(0.05)
    watching.cancel()
    assert lag.total >= 0
