"""An interleaving in the public shape: what its votes came to, and both versions' requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.preferences import PreferenceResult, preference_result
from tidegate.delivery.facts import StepPairs
from tidegate.delivery.release import STABLE
from tidegate.registry.releases import ReleaseRow
from tidegate.shapes.experiments import Preferences

_ENDS = {
    "winner_found": "The candidate won",
    "winner_forced": "The candidate was promoted on request",
    "stable_kept": "Stable stays",
    "reported": "It was to report only, and stable stays",
}


def result_of(row: ReleaseRow, pairs: Sequence[StepPairs]) -> PreferenceResult | None:
    """What the votes of a release came to; ``None`` where nobody is asked for any."""
    own = pairs_of(row, pairs)
    return preference_result(row.spec, row.state, own.window if own is not None else None)


def pairs_of(row: ReleaseRow, pairs: Sequence[StepPairs]) -> StepPairs | None:
    """Of the experiment's step in this attempt."""
    experiment = row.state.experiment
    wanted = (row.state.attempt, experiment.step if experiment is not None else -1)
    return next((each for each in pairs if (each.attempt, each.step) == wanted), None)


def told_preferences(result: PreferenceResult) -> Preferences:
    """In the public shape."""
    told = msgspec.structs.asdict(result)
    return Preferences(**{name: told[name] for name in Preferences.__struct_fields__})


def headline_of(result: PreferenceResult, outcome: str) -> str:
    """What came out so far, in one sentence without its full stop."""
    said = result.sentence[:1].upper() + result.sentence[1:]
    return f"{_ENDS[outcome]}: {result.sentence}" if outcome in _ENDS else said


def sentences_of(result: PreferenceResult) -> Iterator[str]:
    """What has to be known to read the numbers."""
    if result.mode == "turn":
        yield "A conversation votes once answers of both versions in it were rated."
        yield (
            "A turn reads the other version's earlier answers, so what carries over makes the difference look smaller "
            "than it is; equal versions still come out equal."
        )
    if result.void:
        yield f"{result.void} of {result.pairs} pairs are void: one of their answers is missing, so nobody could prefer one."
    if result.repeated:
        yield f"{result.repeated} further votes came from conversations that had voted; they decide nothing."


def sides_of(row: ReleaseRow, pairs: Sequence[StepPairs]) -> dict[str, Summary]:
    """Both versions' requests of the pairs that say something of both, by variant."""
    own = pairs_of(row, pairs)
    total = own.total if own is not None else PairCounts()
    return {STABLE: total.stable, next(iter(row.state.arms)): total.candidate}
