"""What a pass learns of the candidate: verdicts, samples, exposure, and whether anybody still reports."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from tidegate.delivery.decide_pairs import judge_beside, judge_mirror, judge_votes
from tidegate.delivery.draft import Draft
from tidegate.delivery.evidence.analysis import judge_guardrails, step_verdict
from tidegate.delivery.evidence.baselines import freeze
from tidegate.delivery.evidence.comparisons import Concurrent
from tidegate.delivery.evidence.readings import Readings, look
from tidegate.delivery.evidence.rounds import Round
from tidegate.delivery.evidence.rules import broken_rules
from tidegate.delivery.evidence.sample_ratios import judge_rounds, judge_sample_ratio, set_aside
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.evidence.win_rates import is_of_votes
from tidegate.delivery.experiments.bandit.rewards import sights
from tidegate.delivery.experiments.standings import rounds_of
from tidegate.delivery.experiments.thresholds import freeze_thresholds
from tidegate.delivery.facts import Facts
from tidegate.delivery.release import (
    STABLE,
    Baseline,
    MetricVerdict,
    Phase,
    ReleaseState,
    StepWindow,
    SubPhase,
    promoted_arm,
)
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.steps import is_of_pairs

_WATCHED = frozenset({Phase.PROGRESSING, Phase.PROMOTING, Phase.DRAINING})
_SPOOL_SILENCE = timedelta(seconds=60)  # batches that wait so long do not reach control
_OPEN_GRACE = timedelta(seconds=30)  # beyond the longest request, for its batch to arrive
_KEPT_WINDOWS = 20
_FRESH = timedelta(seconds=5)  # as young as this an observation shows that reporting works


def weigh_evidence(draft: Draft) -> None:
    """Judge the guardrails when it is time, and keep the dead man's watch."""
    if draft.has_moved or draft.state.phase not in _WATCHED:
        return
    _watch_silence(draft)
    if _is_due(draft):
        judge_now(draft)


def is_silent(draft: Draft) -> bool:
    """Whether requests have been waiting to be reported for longer than any may take."""
    since = draft.state.silent_since
    if since is None:
        return False
    allowed = _SPOOL_SILENCE if has_spool(draft.facts) else draft.facts.request_timeout + _OPEN_GRACE
    return draft.now - since >= allowed


def min_samples(draft: Draft) -> int:
    """Below it there is *no data*."""
    declared = draft.spec.analysis.min_samples
    return draft.program.criteria_at(draft.state.step).min_samples if declared is None else declared


def _is_due(draft: Draft) -> bool:
    state = draft.state
    ends = state.sub_phase is SubPhase.JUDGING or (state.soak_until is not None and draft.now >= state.soak_until)
    return ends or state.analysed_at is None or draft.now >= state.analysed_at + _interval(draft)


def _interval(draft: Draft) -> timedelta:
    """Between two analyses."""
    declared = draft.spec.analysis.interval
    own = draft.program.criteria_at(draft.state.step).interval
    return timedelta(seconds=own if declared is None else declared)


def judge_now(draft: Draft) -> None:
    """Judge every guardrail on this pass's counts, of users, of pairs, or of both where a split mirrors too.

    Each step is judged by its own counts: units that return in the next one are the same units, so steps are no
    independent evidence, and alpha is divided among them instead.
    """
    if is_of_pairs(draft.program.step_at(draft.state.step)):
        judge_mirror(draft, min_samples(draft))
        return
    _freeze_objectives(draft)
    judged = [_judge_arm(draft, arm) for arm in judged_arms(draft.state)]
    verdicts = tuple(verdict for of_arm, _ in judged for verdict in of_arm)
    fewest = min((window for _, window in judged), key=lambda window: window.samples)
    mismatch = _sample_ratio(draft) if _is_compared(draft) else None
    if mismatch is not None:
        verdicts = set_aside(verdicts, mismatch)
    verdicts += judge_beside(draft, min_samples(draft)) + judge_votes(draft, min_samples(draft))
    exposed = draft.facts.exposed(draft.state)
    required = draft.program.required_at(draft.state.step)
    draft.change(
        analysed_at=draft.now,
        verdicts=verdicts,
        verdict=step_verdict(
            verdicts, fewest, min_samples(draft), required, is_final=draft.program.is_final(draft.state.step)
        ),
        samples=sum(window.samples for _, window in judged),
        # Counts that cannot be read now were read before: exposure never shrinks.
        exposed_requests=max(draft.state.exposed_requests, exposed or 0),
        exposed_units=max(draft.state.exposed_units, draft.facts.exposed_units(draft.state)),
    )


def _freeze_objectives(draft: Draft) -> None:
    """Thresholds of an experiment's quantiles, from what its latest round has shown."""
    state = draft.state
    experiment, counts = state.experiment, draft.facts.counts
    if experiment is None or counts is None or experiment.step != state.step:
        return
    now = (state.attempt, state.step, len(experiment.shares) - 1)
    latest = [each for each in counts if (each.attempt, each.step, each.round) == now]
    thresholds = freeze_thresholds(draft.spec.objectives, experiment, latest)
    if thresholds != experiment.thresholds:
        draft.change(experiment=msgspec.structs.replace(experiment, thresholds=thresholds))


def judged_arms(state: ReleaseState) -> tuple[str, ...]:
    """Arms that serve users now and are watched: all that are on trial, or the one that is promoted."""
    if state.phase is Phase.PROGRESSING:
        return state.on_trial
    return (promoted_arm(state),)


def _judge_arm(draft: Draft, arm: str) -> tuple[tuple[MetricVerdict, ...], Summary]:
    """Its verdicts, and the requests of its window. Alpha is shared by the arms that the release began with."""
    counts = draft.facts.of_step(draft.state, arm)
    is_known = draft.facts.counts is not None
    total = counts.total if counts else Summary() if is_known else None
    window = counts.window if counts and draft.state.window_opened_at else Summary()
    least, alpha = min_samples(draft), draft.spec.analysis.alpha
    concurrent = _concurrent(draft, arm)
    readings = _readings(draft)
    _look_at_rules(draft, concurrent, window, least, readings, arm)
    verdicts = judge_guardrails(
        [guardrail for guardrail in draft.spec.guardrails if not is_of_votes(guardrail)],
        total,
        window,
        alpha=alpha / draft.program.judgings / len(draft.state.arms),
        least=least,
        concurrent=concurrent,
        pass_alpha=alpha,
        rules=draft.state.rules,
        objectives=_judged_objectives(draft),
        readings=readings,
        arms=(arm, STABLE),
    )
    return tuple(msgspec.structs.replace(verdict, variant=arm) for verdict in verdicts), window


def remember_window(draft: Draft) -> None:
    """Keep what ingest must know of the step's window for requests that are reported after it."""
    state = draft.state
    if state.window_opened_at is None or state.phase.is_terminal:
        return
    if state.round and state.experiment is not None:
        return  # an experiment knows the shares of all its rounds
    key, window = f"{state.step}.{state.round}", StepWindow(opened_at=state.window_opened_at, shares=state.shares)
    if state.windows.get(key) != window:
        kept = [(known, each) for known, each in state.windows.items() if known != key][-_KEPT_WINDOWS:]
        draft.change(windows={**dict(kept), key: window})


def compared_units(draft: Draft) -> dict[str, int]:
    """Units of each variant that compare the arms of this step."""
    found = {variant: draft.facts.of_step(draft.state, variant) for variant in (STABLE, *draft.state.arms)}
    return {variant: counts.compared.units for variant, counts in found.items() if counts is not None}


def _is_compared(draft: Draft) -> bool:
    """Whether there is a split beside stable to judge by; an approval that is awaited comes after one."""
    state = draft.state
    has_split = 0 < sum(state.shares.values()) < TOTAL_WEIGHT
    is_splitting = state.phase is Phase.PROGRESSING and state.sub_phase is not SubPhase.WAITING
    return draft.facts.counts is not None and is_splitting and has_split


def _concurrent(draft: Draft, arm: str) -> Concurrent | None:
    """An arm and stable, with what is frozen of stable; ``None`` where they cannot be compared. Of the units that one
    of the two got, the arm's share is its weight against both of them."""
    state, facts = draft.state, draft.facts
    if not _is_compared(draft):
        return None
    counts, beside = facts.of_step(state, arm), facts.of_step(state, STABLE)
    candidate = counts.compared if counts else Summary()
    stable = beside.compared if beside else Summary()
    before = facts.before_step(state, STABLE)
    known = tuple(baseline for baseline in state.baselines if baseline.variant == arm)
    rounds = _rounds(draft, arm)
    latest = (rounds[-1].arm, rounds[-1].control) if rounds else (candidate, stable)
    found = freeze(_bounds(draft), known, before.compared if before else None, *latest)
    frozen = tuple(_of_arm(baseline, arm, state.round) if baseline not in known else baseline for baseline in found)
    if frozen != known:
        others = tuple(baseline for baseline in state.baselines if baseline.variant != arm)
        draft.change(baselines=others + frozen)
    own = state.shares.get(arm, 0)
    return Concurrent(
        candidate=candidate,
        stable=stable,
        share=own / (own + TOTAL_WEIGHT - sum(state.shares.values())),
        baselines={baseline.metric: baseline for baseline in frozen},
        stable_total=beside.total if beside else Summary(),
        rounds=rounds,
    )


def _rounds(draft: Draft, arm: str) -> tuple[Round, ...]:
    """The arm and stable by round, where weights were set anew in this step; else nothing needs to be kept apart."""
    state = draft.state
    if not state.round or state.experiment is None:
        return ()
    return tuple(rounds_of(state, state.experiment, arm, draft.facts.counts or ()))


def _of_arm(baseline: Baseline, arm: str, number: int) -> Baseline:
    """One that was frozen now; what chose it lies in the round under way."""
    return msgspec.structs.replace(baseline, variant=arm, round=number if baseline.stable.count else 0)


def _bounds(draft: Draft) -> tuple[GuardrailSpec, ...]:
    return (*draft.spec.guardrails, *_judged_objectives(draft))


def _judged_objectives(draft: Draft) -> tuple[GuardrailSpec, ...]:
    """Those that must pass; an experiment's choose the winner instead."""
    return () if draft.program.is_experiment else draft.spec.objectives


def _readings(draft: Draft) -> Readings:
    """What sources told lately of this attempt and step."""
    state = draft.state
    found = {(reading.source, reading.variant): reading for reading in draft.facts.readings}
    return Readings(found, draft.now, state.looked_at, _interval(draft))


def _look_at_rules(
    draft: Draft, concurrent: Concurrent | None, window: Summary, least: int, readings: Readings, arm: str
) -> None:
    """One look for each analysis, however often it is repeated within a pass."""
    if draft.state.analysed_at == draft.now:
        return
    known, bounds, looked = draft.state.rules, _bounds(draft), dict(draft.state.rules)
    if draft.facts.counts is not None:
        candidate, stable = (concurrent.candidate, concurrent.stable) if concurrent else (window, None)
        looked = broken_rules(bounds, candidate, stable, known, least)
    foreign = [guardrail for guardrail in bounds if guardrail.source is not None]
    looks = {key: each for one in foreign for key, each in look(one, readings, arm, STABLE, known).items()}
    looked |= {key: each.history for key, each in looks.items()}
    if looks or looked != known:
        draft.change(rules=looked, looked_at=draft.state.looked_at | {key: each.at for key, each in looks.items()})


def _sample_ratio(draft: Draft) -> MetricVerdict | None:
    state, facts = draft.state, draft.facts
    versions = {STABLE: state.stable or "", **state.arms}
    under_way = {variant: facts.in_flight(version) for variant, version in versions.items()}
    if state.round and state.experiment is not None:
        seen = sights(state.experiment, state.attempt, facts.counts or ())
        units = [{variant: summary.units for variant, summary in each.seen.items()} for each in seen]
        known = (STABLE, *state.on_trial)
        return judge_rounds(units, [each.shares for each in seen], known, under_way, state.accepted_units)
    drawn = {arm: state.shares.get(arm, 0) for arm in state.on_trial}
    shares = {STABLE: TOTAL_WEIGHT - sum(state.shares.values())} | drawn
    return judge_sample_ratio(compared_units(draft), shares, under_way, state.accepted_units)


def _watch_silence(draft: Draft) -> None:
    facts, state = draft.facts, draft.state
    is_busy = facts.in_flight(*state.versions) > 0 or has_spool(facts)
    observed = facts.observed_at
    is_fresh = observed is not None and (
        draft.now - observed < _FRESH or (state.silent_since is not None and observed >= state.silent_since)
    )
    since = (state.silent_since or draft.now) if is_busy and not is_fresh else None
    if since != state.silent_since:
        draft.change(silent_since=since)


def has_spool(facts: Facts) -> bool:
    """Whether gateways hold observations that control has not got yet."""
    return any(gateway.spool_batches for gateway in facts.gateways if gateway.is_live)
