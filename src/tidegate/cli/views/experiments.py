"""An experiment as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, table
from tidegate.cli.views.bandits import bandit_lines
from tidegate.cli.wording import UNKNOWN, duration, instant, moment, share
from tidegate.shapes.experiments import ArmEffect, Preferences, Results, SegmentedResults

_STANDINGS = {
    "better": ("✔", "green"),
    "no_worse": ("✔", "green"),
    "worse": ("✖", "bold red"),
    "undecided": ("◐", "yellow"),
    "no_data": ("○", "dim"),
    "void": ("!", "bold red"),
}

_LEAST = 1e-6  # p-values below are all the same to people


def results_lines(results: Results, now: datetime) -> list[Cell]:
    """What came out, the arms, every effect, and what it is decided by."""
    lines: list[Cell] = [Text(f"{results.headline}.", style="bold red" if results.is_void else "bold")]
    lines += [Text(sentence) for sentence in results.sentences]
    lines += ["", _grounds(results, now), "", *_arms(results)]
    if results.preferences is not None:
        lines += ["", Text("Votes", style="bold"), *_votes(results.preferences)]
    for role, title in (("objective", "Objectives"), ("watched", "Watched by guardrails")):
        own = [effect for effect in results.effects if effect.role == role]
        if own:
            lines += ["", Text(title, style="bold"), *_effects(own)]
    if results.bandit is not None:
        lines += ["", *bandit_lines(results.bandit, now)]
    changes = [f"  {each.variant}, {each.metric}: {each.change}" for each in results.effects if each.change]
    lines += ["", Text("What would change it", style="bold"), *changes] if changes else []
    return [*lines, "", *_decided_by(results)]


def segment_lines(results: SegmentedResults) -> list[Cell]:
    """The objectives within each segment."""
    if not results.segments:
        return [Text("No request that compares the arms is stored any more.")]
    partial = ", the newest of more" if results.is_partial else ""
    lines: list[Cell] = [
        f"{results.units} units by {results.by}{partial}. To look into, not to decide by: bounds share alpha over all of these."
    ]
    for each in results.segments:
        lines += ["", Text(f"{each.segment} ({each.units} units)", style="bold"), *_effects(each.effects)]
    return lines


def _grounds(results: Results, now: datetime) -> str:
    who = f"units of segment {results.audience}" if results.audience else "everybody"
    if results.ends_at is not None:
        ends = f"ends {moment(results.ends_at, now)} at the latest"
    elif results.ended_at is not None:
        ends = f"ended {moment(results.ended_at, now)}"
    else:
        ends = f"ends {duration(results.horizon_seconds)} after it began"
    return (
        f"{results.strategy} by {results.unit}, {who}; began {moment(results.began_at, now)}, {ends}; alpha "
        f"{results.alpha:g}, {results.shared_alpha:.3g} of each bound"
    )


def _arms(results: Results) -> list[Text]:
    titles = ["arm", "version", "share", "seen", "units", "compared", "requests", "failed", "cost USD", ""]
    rows: list[list[Cell]] = [
        [
            arm.variant,
            arm.version,
            share(arm.weight),
            UNKNOWN if arm.share is None else f"{arm.share:.1%}",
            str(arm.units),
            str(arm.compared),
            str(arm.requests),
            str(arm.failures),
            f"{arm.cost_usd:.4g}",
            Text(
                "won" if arm.is_winner else arm.removed_because,
                style="green" if arm.is_winner else "red",
            ),
        ]
        for arm in results.arms
    ]
    return table(titles, rows, numbers=set(range(2, 9)))


def _votes(votes: Preferences) -> list[Text]:
    """The win rate with its interval, and whether people like the first place."""
    mark, style = _STANDINGS.get(votes.standing, ("?", ""))
    titles = ["of", "", "won", "tied", "lost", "win rate", "surely between", "p", "e", "pairs", "void", "repeated"]
    row: list[Cell] = [
        votes.question,
        Text(f"{mark} {votes.standing.replace('_', ' ')}", style=style),
        *map(str, (votes.wins, votes.ties, votes.losses)),
        UNKNOWN if votes.win_rate is None else f"{votes.win_rate:.3f}",
        f"{votes.lower:.3f} and {votes.upper:.3f}",
        f"{votes.p_value:.3g}",
        f"{votes.e_value:.3g}",
        *map(str, (votes.pairs, votes.void, votes.repeated)),
    ]
    lines = table(titles, [row], numbers={2, 3, 4, 5, 7, 8, 9, 10, 11})
    if votes.first_share is not None:
        bounds = f"surely between {votes.first_lower:.1%} and {votes.first_upper:.1%}"
        lines.append(Text(f"the first place was preferred {votes.first_share:.1%} of the time, {bounds}; it is random"))
    return lines


def _effects(effects: Sequence[ArmEffect]) -> list[Text]:
    titles = ["metric", "arm", "", "against control", "better", "p", "e", "units"]
    rows: list[list[Cell]] = [
        [
            effect.metric,
            effect.variant,
            _standing(effect),
            effect.sentence,
            UNKNOWN if effect.probability is None else f"{effect.probability:.1%}",
            f"{effect.p_value:.3g}" if effect.p_value >= _LEAST else f"< {_LEAST:g}",
            f"{effect.e_value:.3g}" if effect.e_value <= 1 / _LEAST else f"> {1 / _LEAST:g}",
            f"{effect.samples} + {effect.control_samples}",
        ]
        for effect in effects
    ]
    return table(titles, rows, numbers={4, 5, 6, 7})


def _standing(effect: ArmEffect) -> Text:
    if effect.role == "watched":
        return Text("")
    mark, style = _STANDINGS.get(effect.standing, ("?", ""))
    return Text(f"{mark} {effect.standing.replace('_', ' ')}", style=style)


def _decided_by(results: Results) -> Iterator[Cell]:
    yield Text("Decided by", style="bold")
    for bound in results.bounds:
        yield f"  {bound.role} {bound.metric}: {bound.words or 'surely better than control'}"
    for change in results.thresholds:
        yield f"  declared by {change.actor} at {instant(change.at)} (audit row {change.seq})"
    for event in results.interventions:
        yield f"  {event.sentence}, at {instant(event.at)} (audit row {event.seq})"
    yield f"  exposures: tidegate requests export --what assignments --release {results.release} -o FILE"
