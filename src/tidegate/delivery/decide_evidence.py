"""What a pass learns of the candidate: verdicts, samples, exposure, and whether anybody still reports."""

from __future__ import annotations

from datetime import timedelta

from tidegate.delivery.analysis import judge_guardrails, step_verdict
from tidegate.delivery.draft import Draft
from tidegate.delivery.facts import Facts
from tidegate.delivery.release import CANDIDATE, Phase, SubPhase
from tidegate.delivery.summary import Summary

_WATCHED = frozenset({Phase.PROGRESSING, Phase.PROMOTING, Phase.DRAINING})
_SPOOL_SILENCE = timedelta(seconds=60)  # batches that wait so long do not reach control
_OPEN_GRACE = timedelta(seconds=30)  # beyond the longest request, for its batch to arrive
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
    allowed = _SPOOL_SILENCE if _has_spool(draft.facts) else draft.facts.request_timeout + _OPEN_GRACE
    return draft.now - since >= allowed


def min_samples(draft: Draft) -> int:
    """Below it there is *no data*."""
    declared = draft.spec.analysis.min_samples
    return draft.program.min_samples if declared is None else declared


def _is_due(draft: Draft) -> bool:
    state = draft.state
    ends = state.sub_phase is SubPhase.JUDGING or (state.soak_until is not None and draft.now >= state.soak_until)
    interval = draft.spec.analysis.interval
    every = timedelta(seconds=draft.program.interval if interval is None else interval)
    return ends or state.analysed_at is None or draft.now >= state.analysed_at + every


def judge_now(draft: Draft) -> None:
    """Judge every guardrail on this pass's counts."""
    counts = draft.facts.of_step(draft.state, CANDIDATE)
    is_known = draft.facts.counts is not None
    total = counts.total if counts else Summary() if is_known else None
    window = counts.window if counts and draft.state.window_opened_at else Summary()
    least = min_samples(draft)
    verdicts = judge_guardrails(draft.spec.guardrails, total, window, alpha=draft.spec.analysis.alpha, least=least)
    exposed = draft.facts.exposed(draft.state, CANDIDATE)
    draft.change(
        analysed_at=draft.now,
        verdicts=verdicts,
        verdict=step_verdict(verdicts, window, least),
        samples=window.samples,
        # Counts that cannot be read now were read before: exposure never shrinks.
        exposed_requests=max(draft.state.exposed_requests, exposed or 0),
    )


def _watch_silence(draft: Draft) -> None:
    facts, state = draft.facts, draft.state
    is_busy = facts.in_flight(state.candidate) > 0 or _has_spool(facts)
    observed = facts.observed_at
    is_fresh = observed is not None and (
        draft.now - observed < _FRESH or (state.silent_since is not None and observed >= state.silent_since)
    )
    since = (state.silent_since or draft.now) if is_busy and not is_fresh else None
    if since != state.silent_since:
        draft.change(silent_since=since)


def _has_spool(facts: Facts) -> bool:
    return any(gateway.spool_batches for gateway in facts.gateways if gateway.is_live)
