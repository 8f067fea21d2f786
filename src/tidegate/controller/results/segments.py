"""An experiment by segment: the same effects among some of the units only, to look into and not to decide by.

Read from the newest stored requests of the release, and from what was said of them. A unit counts once, by its first
request, as it does in the release's own counts: for the variant that this request was assigned to and in the segments it
belonged to. Whatever the unit meets later (another segment, another variant because its pin was lost or somebody sent it
there) changes neither; and what it says later of any of its requests counts where that first one does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import msgspec

from tidegate.controller.folding import add_up
from tidegate.controller.results.effects import told
from tidegate.controller.results.standing import Trial
from tidegate.delivery.evidence.metrics import metric_name
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.effects import arm_effect
from tidegate.delivery.experiments.progress import Threshold
from tidegate.delivery.experiments.standings import is_void, rounds_of, shared_alpha
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.observation import Observation
from tidegate.registry.feedback.stored import StoredFeedback, in_order
from tidegate.registry.observations import Counts
from tidegate.registry.requests import FoundCounts
from tidegate.shapes.experiments import ArmEffect, SegmentedResults, SegmentEffects

MOST_REQUESTS = 50_000
MOST_SEGMENTS = 20
Division = Literal["segment", "key", "path", "stream"]
DIVISIONS: tuple[Division, ...] = get_args(Division)
NOWHERE = "none"

_SEGMENTS_OF: Mapping[Division, Callable[[Observation], Sequence[str]]] = {
    "segment": lambda row: (row.segments or NOWHERE).split(","),
    "key": lambda row: (row.key or NOWHERE,),
    "path": lambda row: (row.path,),
    "stream": lambda row: ("streamed" if row.stream else "whole",),
}


class Read(NamedTuple):
    """What was read of a release's requests.

    Attributes:
        rows: of requests from the step's window, with the part of the counts that each is in.
        said: verdicts that may compare the arms.
        is_partial: whether there are more.
    """

    rows: Sequence[FoundCounts]
    said: Sequence[StoredFeedback]
    is_partial: bool


class _Counted(NamedTuple):
    segment: str
    round: int
    variant: str


def segmented_results(trial: Trial, read: Read, by: Division) -> SegmentedResults:
    """The objectives of every arm among the units of each segment, the largest segments first."""
    counted = _count(trial, read, _SEGMENTS_OF[by])
    sizes: dict[str, int] = defaultdict(int)
    for key, summary in counted.items():
        sizes[key.segment] += summary.units
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_SEGMENTS]
    return SegmentedResults(
        release=trial.row.id,
        service=trial.row.service,
        by=by,
        units=len(_drawn(trial, read.rows)),
        is_partial=read.is_partial,
        segments=tuple(
            SegmentEffects(
                segment=name, units=sizes[name], effects=_effects(trial, _counts(trial, counted, name), len(largest))
            )
            for name in largest
        ),
    )


def _drawn(trial: Trial, rows: Iterable[FoundCounts]) -> dict[int, Observation]:
    """By unit the request it counts by, as far as a coin of the step's share chose its variant."""
    firsts: dict[int, FoundCounts] = {}
    for found in sorted(rows, key=lambda found: (found.observation.started_at_us, found.observation.request_id)):
        row = found.observation
        if (row.attempt, row.step) == (trial.state.attempt, trial.experiment.step):
            firsts.setdefault(row.unit_hash, found)
    return {unit: first.observation for unit, first in firsts.items() if first.counted == Counts.COMPARED}


def _compared(said: Iterable[StoredFeedback]) -> Iterable[StoredFeedback]:
    """Of what each unit says under a name the first, which compares the arms."""
    firsts: dict[tuple[int, str], StoredFeedback] = {}
    for each in sorted(said, key=in_order):
        firsts.setdefault((each.unit_hash, each.name), each)
    return firsts.values()


def _count(trial: Trial, read: Read, segments_of: Callable[[Observation], Sequence[str]]) -> dict[_Counted, Summary]:
    drawn = _drawn(trial, read.rows)
    grouped: dict[_Counted, list[Observation]] = defaultdict(list)
    for row in drawn.values():
        for segment in segments_of(row):
            grouped[_Counted(segment, row.round, row.variant)].append(row)
    found = {key: _sum(rows, len(rows)) for key, rows in grouped.items()}
    for each in _compared(read.said):
        first = drawn.get(each.unit_hash)
        for segment in segments_of(first) if first is not None else ():
            key = _Counted(segment, each.round, each.variant)
            found[key] = found.get(key, Summary()) + each.as_summary
    return found


def _sum(rows: Sequence[Observation], units: int) -> Summary:
    sums = add_up(rows, units)
    return sums.added.without(sums.removed)


def _counts(trial: Trial, counted: Mapping[_Counted, Summary], segment: str) -> list[StepCounts]:
    return [
        StepCounts(
            attempt=trial.state.attempt,
            step=trial.experiment.step,
            variant=key.variant,
            round=key.round,
            total=summary,
            window=summary,
            compared=summary,
        )
        for key, summary in counted.items()
        if key.segment == segment
    ]


def _effects(trial: Trial, counts: Sequence[StepCounts], segments: int) -> tuple[ArmEffect, ...]:
    """At the level that all segments share."""
    spec, state = trial.row.spec, trial.state
    alpha = shared_alpha(spec, state) / segments
    thresholds = {each.metric: _whole(each) for each in trial.experiment.thresholds}
    return tuple(
        told(
            objective,
            arm_effect(
                objective,
                arm,
                rounds_of(state, trial.experiment, arm, counts),
                alpha=alpha,
                least=trial.least,
                threshold=thresholds.get(metric_name(objective)),
            ),
            trial.least,
            is_void=is_void(state),
        )
        for objective in spec.objectives
        for arm in state.arms
    )


def _whole(threshold: Threshold) -> Threshold:
    """Without what it set aside, which is known of all units together and not of a segment's."""
    return msgspec.structs.replace(threshold, values={}, failures={})
