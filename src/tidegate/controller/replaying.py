"""Replays recorded requests through the analysis as if they were arriving: when would it have decided, and why?

The rows are folded by the very fold of ingest and judged by the very :func:`~tidegate.delivery.decide_evidence.judge_now`
of the loop, at every interval of the release; a request is known from its end on. Only the policies may be others:
guardrails, alpha, min_samples, interval. Deterministic: no clock, no order of arrival.

What cannot be replayed is not guessed: probes, gates, pairs of a mirror and metrics from outside are left out, and
experiments, whose objectives are mostly what people say, are refused.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from tidegate.controller.folding import fold, sort_rows
from tidegate.controller.gathering import step_counts
from tidegate.delivery.decide_evidence import judge_now
from tidegate.delivery.draft import Draft
from tidegate.delivery.facts import Facts
from tidegate.delivery.observation import Observation
from tidegate.delivery.release import CANDIDATE, STABLE, MetricVerdict, Phase, ReleaseState, SubPhase
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.steps import Program
from tidegate.delivery.strategy import compile_program
from tidegate.errors import InvalidInputError
from tidegate.registry.observations import Counted, CountKey
from tidegate.registry.units import First, FirstKey
from tidegate.stats.verdict import Verdict

StepKey = tuple[int, int]  # attempt, step


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The first look at which a step had this verdict.

    Attributes:
        at: of the look; ``seconds`` after the window opened.
        requests: of both arms in the window by then, ``units`` of the candidate that count.
        sentences: of the guardrails that it turns on.
    """

    at: datetime
    seconds: float
    verdict: str
    requests: int
    units: int
    sentences: tuple[str, ...]


class ReplayedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one attempt.

    Attributes:
        share: of the candidate, in parts of one, as recorded.
        opened_at: when its window opened.
        looks: how often it was judged.
        failed: the first fail, which would have rolled back; ``passed`` the first pass.
        verdict: after everything recorded.
        verdicts: of each guardrail then.
    """

    attempt: int
    step: int
    share: float
    opened_at: datetime
    looks: int
    failed: Decision | None
    passed: Decision | None
    verdict: str
    verdicts: tuple[MetricVerdict, ...]


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What the analysis would have said.

    Attributes:
        observations: that were replayed; ``left_out`` belonged to no step of a split.
        steps: in the order they ran.
    """

    release: str
    observations: int
    left_out: int
    steps: tuple[ReplayedStep, ...]


def replay(
    spec: ReleaseSpec, observations: Iterable[Observation], *, windows: Mapping[StepKey, int] | None = None
) -> Replayed:
    """Judge recorded observations of one release as if live.

    Args:
        spec: the policies to judge by; its service must be that of the rows.
        observations: in any order; repetitions of a row are dropped.
        windows: (attempt, step) -> microseconds since the epoch from which requests are samples; where it is silent,
            from the candidate's first request of the step.

    Raises:
        InvalidInputError: no observation of a candidate, those of an experiment, or those of several releases.
    """
    rows = _sorted(observations)
    _check(spec, rows)
    shares = _shares(rows)
    opened = _opened(rows, shares) | {key: at for key, at in (windows or {}).items() if key in shares}
    kept = [row for row in rows if (row.attempt, row.step) in shares]
    judged = _Judged(spec, kept, shares, opened)
    steps = tuple(judged.step(key) for key in sorted(shares))
    return Replayed(release=kept[0].release, observations=len(kept), left_out=len(rows) - len(kept), steps=steps)


class _Judged:
    """Folds and judges; remembers counts, first requests and frozen baselines as control does."""

    def __init__(
        self,
        spec: ReleaseSpec,
        rows: Sequence[Observation],
        shares: Mapping[StepKey, dict[str, int]],
        opened: Mapping[StepKey, int],
    ) -> None:
        self._spec = spec
        self._program: Program = compile_program(spec.strategy)
        self._shares = shares
        self._opened = opened
        self._by_step: dict[StepKey, list[Observation]] = defaultdict(list)
        for row in rows:
            self._by_step[row.attempt, row.step].append(row)
        self._counts: dict[CountKey, Counted] = {}
        self._firsts: dict[FirstKey, First] = {}

    def step(self, key: StepKey) -> ReplayedStep:
        rows, opened = self._by_step[key], _instant(self._opened[key])
        own = self._spec.analysis.interval
        every = timedelta(seconds=float(own if own is not None else self._program.criteria_at(key[1]).interval))
        draft = Draft(self._spec, self._program, self._state(key, rows, opened), Facts(epoch=1, stable=None), opened)
        at, looks, start = opened, 0, 0
        found: dict[Verdict, Decision] = {}
        while start < len(rows):
            at += every
            end = start
            while end < len(rows) and _ended(rows[end]) <= at:
                end += 1
            if end == start:
                at = max(at, _before(_ended(rows[start]), opened, every))
                continue
            self._fold(rows[start:end])
            start, looks = end, looks + 1
            draft.now = at
            draft.facts = Facts(epoch=1, stable=None, counts=step_counts(self._counts))
            judge_now(draft)
            verdict = draft.state.verdict
            if verdict in {Verdict.PASS, Verdict.FAIL} and verdict not in found:
                found[verdict] = self._decision(draft, opened)
        return ReplayedStep(
            attempt=key[0],
            step=key[1],
            share=self._shares[key].get(CANDIDATE, 0) / TOTAL_WEIGHT,
            opened_at=opened,
            looks=looks,
            failed=found.get(Verdict.FAIL),
            passed=found.get(Verdict.PASS),
            verdict=str(draft.state.verdict or Verdict.NO_DATA),
            verdicts=draft.state.verdicts,
        )

    def _fold(self, rows: Sequence[Observation]) -> None:
        folded = fold(sort_rows(rows, self._is_sample), self._firsts, self._is_compared)
        for key, change in folded.counts.items():
            self._counts[key] = (self._counts.get(key, Counted()) + change.added).without(change.removed)
        self._firsts.update(folded.firsts)

    def _is_sample(self, row: Observation) -> bool:
        return row.started_at_us >= self._opened[row.attempt, row.step]

    def _is_compared(self, row: Observation) -> bool:
        shares = self._shares[row.attempt, row.step]
        share = TOTAL_WEIGHT - sum(shares.values()) if row.variant == STABLE else shares.get(row.variant, 0)
        return 0 < share < TOTAL_WEIGHT and share == row.propensity

    def _state(self, key: StepKey, rows: Sequence[Observation], opened: datetime) -> ReleaseState:
        versions = {row.variant: row.version for row in rows}
        arms = {variant: version for variant, version in sorted(versions.items()) if variant != STABLE}
        return ReleaseState(
            id=rows[0].release,
            service=self._spec.service,
            candidate=versions.get(CANDIDATE, ""),
            stable=versions.get(STABLE),
            created_at=opened,
            phase=Phase.PROGRESSING,
            sub_phase=SubPhase.SOAKING,
            attempt=key[0],
            step=key[1],
            arms=arms,
            split=self._shares[key],
            shares=self._shares[key],
            window_opened_at=opened,
        )

    def _decision(self, draft: Draft, opened: datetime) -> Decision:
        state = draft.state
        of_step = [draft.facts.of_step(state, variant) for variant in (STABLE, *state.arms)]
        turning = [v for v in state.verdicts if not v.is_dry_run and v.verdict is state.verdict]
        return Decision(
            at=draft.now,
            seconds=(draft.now - opened).total_seconds(),
            verdict=str(state.verdict),
            requests=sum(counts.window.requests for counts in of_step if counts is not None),
            units=state.samples,
            sentences=tuple(verdict.sentence for verdict in turning),
        )


def _sorted(observations: Iterable[Observation]) -> list[Observation]:
    """By their ends, each row once; rows outside releases say nothing of one."""
    known = {(row.release, row.request_id, row.is_open, row.duration_us): row for row in observations if row.release}
    return sorted(known.values(), key=lambda row: (row.started_at_us + row.duration_us, row.request_id, row.waited_us))


def _check(spec: ReleaseSpec, rows: Sequence[Observation]) -> None:
    drawn = {row.variant for row in rows if 0 < row.propensity < TOTAL_WEIGHT} - {STABLE}
    if drawn and CANDIDATE not in drawn:
        raise InvalidInputError(
            f"the observations are of an experiment's arms ({', '.join(sorted(drawn))}), and a replay judges a candidate",
            remedy="tidegate results RELEASE tells where the arms stand; its numbers follow from exported requests",
        )
    if CANDIDATE not in drawn:
        raise InvalidInputError(
            "no observation is of a candidate beside stable",
            remedy="export those of one release: tidegate requests export --release ID -o FILE",
        )
    releases = sorted({row.release for row in rows})
    if len(releases) > 1:
        raise InvalidInputError(
            f"the observations are of {len(releases)} releases, such as {releases[0]} and {releases[1]}",
            remedy="name one of them with --release",
        )
    services = sorted({row.service for row in rows} - {spec.service})
    if services:
        raise InvalidInputError(
            f"the policies are for service {spec.service!r}, the observations of {services[0]!r}",
            remedy="name the right file",
        )


def _shares(rows: Sequence[Observation]) -> dict[StepKey, dict[str, int]]:
    """Of each step that splits: arm -> basis points, those that most of its requests were drawn with."""
    seen: dict[StepKey, dict[str, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    for row in rows:
        if row.variant != STABLE and 0 < row.propensity < TOTAL_WEIGHT:
            seen[row.attempt, row.step][row.variant][row.propensity] += 1
    return {
        key: {arm: points.most_common(1)[0][0] for arm, points in sorted(arms.items())}
        for key, arms in seen.items()
        if CANDIDATE in arms
    }


def _opened(rows: Sequence[Observation], shares: Mapping[StepKey, dict[str, int]]) -> dict[StepKey, int]:
    found: dict[StepKey, int] = {}
    for row in rows:
        key = row.attempt, row.step
        if key in shares and row.variant == CANDIDATE:
            found[key] = min(found.get(key, row.started_at_us), row.started_at_us)
    return found


def _ended(row: Observation) -> datetime:
    return _instant(row.started_at_us + row.duration_us)


def _instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)


def _before(end: datetime, opened: datetime, every: timedelta) -> datetime:
    """The last look before ``end``: nobody need look at a silent stretch."""
    return opened + ((end - opened) // every) * every if end > opened else opened
