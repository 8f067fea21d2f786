"""Pairs of answers as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, fields, table
from tidegate.cli.wording import UNKNOWN, duration, moment
from tidegate.shapes.pairs import Pair, PairedMean, PairSide, PairTotals

_SHOWN = {"latency": "latency", "ttft": "first token", "tpot": "per token"}


def pairs_lines(totals: Sequence[PairTotals], pairs: Sequence[Pair], now: datetime) -> list[Text]:
    """What each step's pairs add up to, and the newest of them."""
    if not totals:
        return [Text("No request of this release was mirrored.")]
    lines: list[Text] = []
    for each in totals:
        lines += [Text(f"step {each.step + 1}, attempt {each.attempt}", style="bold"), *fields(_totals(each))]
    return [*lines, Text(), *(_table(pairs, now) if pairs else [Text("No pair is stored any more.")])]


def _totals(totals: PairTotals) -> list[tuple[str, Cell]]:
    unpriced = f", {totals.unpriced} of them unpriced" if totals.unpriced else ""
    alike = UNKNOWN if totals.similarity is None else f"{totals.similarity * 100:.1f} % alike"
    found: list[tuple[str, Cell]] = [
        ("pairs", f"{totals.pairs} of {totals.copies} copies"),
        ("cost", f"{totals.cost_usd:.4g} USD, {totals.tokens} tokens{unpriced}"),
        ("texts", f"{totals.exact} of {totals.compared} equal, wording {alike}"),
        ("outcomes", ", ".join(f"{outcome} {count}" for outcome, count in sorted(totals.outcomes.items()))),
    ]
    return found + [
        (_SHOWN.get(name, name.replace("_", " ")), _mean(name, mean)) for name, mean in totals.quantities.items()
    ]


def _mean(name: str, mean: PairedMean) -> str:
    change = UNKNOWN if mean.change is None else f"{mean.change * 100:+.1f} %"
    return (
        f"{_amount(name, mean.candidate)} against {_amount(name, mean.stable)} of stable ({change}, {mean.pairs} pairs)"
    )


def _amount(name: str, value: float) -> str:
    if name in _SHOWN:
        return duration(value) if value >= 1 else f"{value * 1000:.3g} ms"
    return f"{value:.3g} USD" if name == "cost" else f"{value:.4g}"


def _table(pairs: Sequence[Pair], now: datetime) -> list[Text]:
    rows: list[list[Cell]] = [
        [
            pair.request_id,
            moment(pair.at, now),
            _alike(pair),
            f"{pair.stable.outcome} / {pair.candidate.outcome}",
            f"{_amount('latency', pair.stable.latency_seconds)} / {_amount('latency', pair.candidate.latency_seconds)}",
            f"{_tokens(pair.stable)} / {_tokens(pair.candidate)}",
            f"{_text(pair.stable)} / {_text(pair.candidate)}" if pair.stable.text or pair.candidate.text else "",
        ]
        for pair in pairs
    ]
    return table(["request", "at", "texts", "outcomes", "latency", "tokens", "stable / candidate said"], rows)


def _alike(pair: Pair) -> Text:
    if pair.is_exact is None or pair.similarity is None:
        return Text(UNKNOWN, style="dim")
    return (
        Text("equal", style="green") if pair.is_exact else Text(f"{pair.similarity * 100:.0f} % alike", style="yellow")
    )


def _tokens(side: PairSide) -> str:
    return UNKNOWN if side.output_tokens is None else str(side.output_tokens)


def _text(side: PairSide) -> str:
    text = " ".join((side.text or UNKNOWN).split())
    return text if len(text) <= 40 else f"{text[:39]}…"
