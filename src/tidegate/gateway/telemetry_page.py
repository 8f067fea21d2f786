"""The gateway's Prometheus page (text format 0.0.4), and how the pages of several workers become one.

A page of a thousand services has tens of thousands of lines, so it is written in slices: between two of them the
event loop serves whoever waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tidegate.delivery.observation import Outcome
from tidegate.gateway.process_figures import ProcessFigures
from tidegate.gateway.telemetry import Histogram, Series, Telemetry, labels_of

_SLICE_LINES = 1_000


class Family(NamedTuple):
    """One metric: its head, and its samples when they are wanted."""

    name: str
    kind: str
    text: str
    samples: Iterable[str]


async def render(telemetry: Telemetry, figures: ProcessFigures) -> bytes:
    """The whole page of this process; other work of the event loop goes on meanwhile."""
    lines: list[str] = []
    due = _SLICE_LINES
    for family in families(telemetry, figures):
        lines.append(f"# HELP {family.name} {family.text}\n# TYPE {family.name} {family.kind}")
        for sample in family.samples:
            lines.append(sample)
            if len(lines) >= due:
                due += _SLICE_LINES
                await asyncio.sleep(0)
    return ("\n".join(lines) + "\n").encode()


def merge(pages: Iterable[bytes]) -> bytes:
    """One page of several: each family's samples together, under one head."""
    heads: dict[bytes, bytes] = {}
    samples: dict[bytes, list[bytes]] = {}
    for page in pages:
        for block in page.split(b"# HELP ")[1:]:
            name, _, _ = block.partition(b" ")
            first, second, rest = (*block.split(b"\n", 2), b"", b"")[:3]
            heads.setdefault(name, b"# HELP %b\n%b\n" % (first, second))
            samples.setdefault(name, []).append(rest)
    return b"".join(heads[name] + b"".join(samples[name]) for name in heads)


def families(telemetry: Telemetry, figures: ProcessFigures) -> Iterator[Family]:
    """Every metric of a gateway. A series shows once a request has been assigned to it or answered by it."""
    used = [series for series in telemetry.every() if _is_used(series)]
    yield from _of_requests(used)
    yield from _of_tokens(used)
    yield from _of_copies(telemetry)
    yield from _of_limits(telemetry)
    yield from _of_the_table(telemetry)
    yield from _of_the_process(telemetry, figures)


def _is_used(series: Series) -> bool:
    tokens = series.output_tokens or series.input_tokens or series.failed_input_tokens
    return bool(series.in_flight or tokens) or any(series.outcomes.values())


def _of_requests(used: list[Series]) -> Iterator[Family]:
    yield Family(
        "tidegate_requests_total",
        "counter",
        "Requests by the variant assigned and the user's outcome.",
        (
            f'tidegate_requests_total{{{series.labels},outcome="{outcome}"}} {count}'
            for series in used
            for outcome, count in series.outcomes.items()
            if count
        ),
    )
    for name, attribute, text in _HISTOGRAMS:
        yield Family(name, "histogram", text, (line for s in used for line in _lines(getattr(s, attribute), name, s)))
    for name, kind, text, attribute in _NUMBERS:
        yield Family(name, kind, text, (f"{name}{{{s.labels}}} {getattr(s, attribute)}" for s in used))
    yield Family(
        "tidegate_filter_hits_total",
        "counter",
        "Requests that a content filter ended, by the variant assigned.",
        (f"tidegate_filter_hits_total{{{s.labels}}} {s.outcomes[Outcome.FILTERED]}" for s in used),
    )


def _of_tokens(used: list[Series]) -> Iterator[Family]:
    yield Family(
        "tidegate_tokens_total",
        "counter",
        "Tokens of delivered answers by the variant that served.",
        (
            f'tidegate_tokens_total{{{s.labels},direction="{direction}"}} {getattr(s, attribute)}'
            for s in used
            for direction, attribute in _DIRECTIONS
        ),
    )
    yield Family(
        "tidegate_cost_usd_total",
        "counter",
        "Cost of delivered answers whose price is known.",
        (f"tidegate_cost_usd_total{{{s.labels}}} {s.cost_nano_usd / 1e9:.9f}" for s in used),
    )
    yield Family(
        "tidegate_failed_attempt_tokens_total",
        "counter",
        "Tokens of answers that failed before any of them was sent, told or estimated, by the variant that was asked.",
        (
            f'tidegate_failed_attempt_tokens_total{{{s.labels},direction="{direction}"}} {count}'
            for s in used
            for direction, count in (("input", s.failed_input_tokens), ("output", s.failed_output_tokens))
        ),
    )
    yield Family(
        "tidegate_failed_attempt_cost_usd_total",
        "counter",
        "Cost of those answers, where the price is known; not part of tidegate_cost_usd_total.",
        (f"tidegate_failed_attempt_cost_usd_total{{{s.labels}}} {s.failed_cost_nano_usd / 1e9:.9f}" for s in used),
    )


def _of_limits(telemetry: Telemetry) -> Iterator[Family]:
    """Of keys with limits, as this process used them."""
    known = [(limiter, labels_of(key=limiter.key, gateway=telemetry.gateway)) for limiter in telemetry.limiters()]
    yield Family(
        "tidegate_limited_total",
        "counter",
        "Requests refused because their key had used up a limit.",
        (
            f'tidegate_limited_total{{{labels},limit="{limit}"}} {count}'
            for limiter, labels in known
            for limit, count in sorted(limiter.refused.items())
        ),
    )
    yield Family(
        "tidegate_key_in_flight",
        "gauge",
        "Requests under way of keys with limits.",
        (f"tidegate_key_in_flight{{{labels}}} {limiter.in_flight}" for limiter, labels in known),
    )
    yield Family(
        "tidegate_key_spent_usd",
        "gauge",
        "Spent by this process in the day and month that run, of keys with a budget.",
        (
            f'tidegate_key_spent_usd{{{labels},period="{period}"}} {budget.spent / 1e9:.9f}'
            for limiter, labels in known
            for period, budget in limiter.budgets.items()
        ),
    )
    yield Family(
        "tidegate_key_reserved_usd",
        "gauge",
        "What requests under way in this process may come to, of keys with a budget.",
        (
            f'tidegate_key_reserved_usd{{{labels},period="{period}"}} {budget.reserved / 1e9:.9f}'
            for limiter, labels in known
            for period, budget in limiter.budgets.items()
        ),
    )


def _of_copies(telemetry: Telemetry) -> Iterator[Family]:
    """Of mirrors, whose requests and cost are no user's; and of conversations' pins."""
    own = labels_of(gateway=telemetry.gateway)
    known = [
        (labels_of(service=service, version=version, gateway=telemetry.gateway), totals)
        for (service, version), totals in telemetry.mirrors.items()
    ]
    yield Family(
        "tidegate_mirrors_total",
        "counter",
        "Requests copied to a candidate that no user meets (pair, cancelled), and those left out by reason.",
        (
            f'tidegate_mirrors_total{{{labels},result="{result}"}} {count}'
            for labels, totals in known
            for result, count in sorted(totals.results.items())
        ),
    )
    yield Family(
        "tidegate_mirror_cost_usd_total",
        "counter",
        "Cost of copies whose price is known; not part of tidegate_cost_usd_total.",
        (f"tidegate_mirror_cost_usd_total{{{labels}}} {totals.cost / 1e9:.9f}" for labels, totals in known),
    )
    pins = telemetry.pins()
    yield _single("tidegate_pins", "gauge", "Conversations pinned to their first variant.", own, pins["held"])
    yield _single("tidegate_pins_lost_total", "counter", "Pins that made room; the hash decides.", own, pins["lost"])


def _of_the_table(telemetry: Telemetry) -> Iterator[Family]:
    own = labels_of(gateway=telemetry.gateway)
    yield Family(
        "tidegate_traffic_weight",
        "gauge",
        "Share of new units by version, 0 to 1.",
        (f"tidegate_traffic_weight{{{labels}}} {weight / 10_000}" for labels, weight in telemetry.weights),
    )
    yield _single(
        "tidegate_snapshot_revision", "gauge", "Revision of the routing table in force.", own, telemetry.revision
    )


def _of_the_process(telemetry: Telemetry, figures: ProcessFigures) -> Iterator[Family]:
    own = labels_of(gateway=telemetry.gateway)
    text = "Own time before the upstream request is written."
    name = "tidegate_overhead_seconds"
    yield Family(name, "histogram", text, histogram_lines(telemetry.overhead, name, own))
    name, text = "tidegate_event_loop_lag_seconds", "How late the event loop came to what was due."
    yield Family(name, "histogram", text, histogram_lines(telemetry.loop_lag, name, own))
    text = "Observations lost to a full spool."
    yield _single("tidegate_observations_dropped_total", "counter", text, own, telemetry.dropped())
    text = "Feedback and kept content lost to a full spool."
    yield _single("tidegate_records_dropped_total", "counter", text, own, telemetry.records_dropped())
    yield _single("tidegate_open_streams", "gauge", "Streamed answers being relayed.", own, telemetry.open_streams)
    for figure in figures.read():
        yield _single(figure.name, figure.kind, figure.text, own, figure.value)


def histogram_lines(histogram: Histogram, name: str, labels: str) -> Iterator[str]:
    """Cumulative, as Prometheus wants it."""
    running = 0
    before = f'{name}_bucket{{{labels}{"," if labels else ""}le="'
    for bound, count in zip((*histogram.bounds, "+Inf"), histogram.counts, strict=True):
        running += count
        yield f'{before}{bound}"}} {running}'
    yield f"{name}_sum{{{labels}}} {histogram.total:.6f}"
    yield f"{name}_count{{{labels}}} {running}"


def _lines(histogram: Histogram, name: str, series: Series) -> Iterator[str]:
    return histogram_lines(histogram, name, series.labels)


def _single(name: str, kind: str, text: str, labels: str, value: float) -> Family:
    return Family(name, kind, text, (f"{name}{{{labels}}} {value}",))


_HISTOGRAMS = (
    ("tidegate_request_duration_seconds", "duration", "Arrival to last byte, by the variant assigned."),
    (
        "tidegate_time_to_first_token_seconds",
        "first_token",
        "Arrival to first content event, by the variant that served.",
    ),
    ("tidegate_time_per_output_token_seconds", "per_token", "Pace after the first token, by the variant that served."),
)
_NUMBERS = (
    ("tidegate_in_flight", "gauge", "Requests under way at an upstream, by the variant that serves.", "in_flight"),
    ("tidegate_fallbacks_total", "counter", "Attempts that went elsewhere than the variant assigned.", "fallbacks"),
    (
        "tidegate_cache_hits_total",
        "counter",
        "Answers for which the provider read a part of the prompt from its cache.",
        "cache_hits",
    ),
)
_DIRECTIONS = (("input", "input_tokens"), ("output", "output_tokens"), ("cached", "cached_tokens"))
