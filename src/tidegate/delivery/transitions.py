"""The release machine as one table.

Read a row as: *from this phase (and sub-phase), for this reason, to there*. What is not in the table cannot
happen: firing it raises. Reasons are stable codes; sentences are templates for people, filled from the release.

How to read the whole:

- forward:   pending → gating → progressing (applying → verifying → soaking → judging, once for each step)
             → promoting (the same four once more, at 100 %) → draining → succeeded
             a program that only mirrors may end after its last step: progressing → succeeded, nothing promoted
- backward:  gating → rejected (no user was ever served); progressing, promoting, draining → rolling_back
             → rolled_back or superseded
- T2, T4, T6, T7 and T10 wait while the release is paused; nothing that leads backward ever waits.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tidegate.delivery.release import Phase, SubPhase
from tidegate.errors import InternalError

Place = tuple[Phase, SubPhase | None]

PENDING, GATING = (Phase.PENDING, None), (Phase.GATING, None)
DRAINING, ROLLING_BACK = (Phase.DRAINING, None), (Phase.ROLLING_BACK, None)
SUCCEEDED, ROLLED_BACK = (Phase.SUCCEEDED, None), (Phase.ROLLED_BACK, None)
REJECTED, SUPERSEDED = (Phase.REJECTED, None), (Phase.SUPERSEDED, None)
_CYCLE = (SubPhase.APPLYING, SubPhase.VERIFYING, SubPhase.SOAKING, SubPhase.JUDGING)
_STEP = {sub: (Phase.PROGRESSING, sub) for sub in SubPhase}
_BAKE = {sub: (Phase.PROMOTING, sub) for sub in _CYCLE}


class Transition(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        number: T1 … T17 of the design.
        sources: where it may begin.
        code: why; with the source it names the row.
        targets: where it may end; the program decides between several.
        sentence: template.
        opens_incident: whether it is an automatic rollback.
    """

    number: str
    sources: tuple[Place, ...]
    code: str
    targets: tuple[Place, ...]
    sentence: str
    opens_incident: bool = False


def _both(*subs: SubPhase) -> tuple[Place, ...]:
    return tuple(_STEP[sub] for sub in subs) + tuple(_BAKE[sub] for sub in subs)


_SERVING = (*_STEP.values(), *_BAKE.values())
_NEXT = (_STEP[SubPhase.APPLYING], _STEP[SubPhase.WAITING], _BAKE[SubPhase.APPLYING])
_START, _BACK = (_STEP[SubPhase.APPLYING], _BAKE[SubPhase.APPLYING]), (ROLLING_BACK,)
_END = (ROLLED_BACK, SUPERSEDED, SUCCEEDED)
_JUDGING, _BAKED = (_STEP[SubPhase.JUDGING],), (_BAKE[SubPhase.JUDGING],)
_APPLYING, _VERIFYING = _both(SubPhase.APPLYING), _both(SubPhase.VERIFYING)
_SOAKING, _JUDGED = _both(SubPhase.SOAKING), _both(SubPhase.JUDGING)

# fmt: off
TRANSITIONS: tuple[Transition, ...] = (
    Transition("T1", (PENDING,), "started", (GATING,), "Before any user is served by it, {trial} is made ready and probed."),
    Transition("T2", (GATING,), "probes_passed", _START, "All probes ({answered}) were answered by {trial}."),
    Transition("T3", (PENDING,), "refused_while_running", (REJECTED,), "Release {other} is running and this one was to be rejected in that case."),
    Transition("T3", (PENDING,), "needs_stable", (REJECTED,), "The strategy works beside a stable version, and {service} has none."),
    Transition("T3", (PENDING, GATING), "aborted_before_traffic", (REJECTED,), "{actor} aborted the release before it served a user: {reason}"),
    Transition("T3", (GATING,), "probe_failed", (REJECTED,), "{candidate} failed {failed} of its probes, and no user was served by it: {detail}"),
    Transition("T3", (GATING,), "gate_refused", (REJECTED,), "{gate} did not let {candidate} pass, and no user was served by it: {detail}"),
    Transition("T3", (PENDING, GATING), "alert_before_traffic", (REJECTED,), "An alert was raised, and no user was served by the candidate: {reason}"),
    Transition("T3", (GATING,), "deploy_failed", (REJECTED,), "{candidate} cannot serve, and no user was served by it: {detail}"),
    Transition("T3", (GATING,), "gate_timeout", (REJECTED,), "{candidate} was not ready and probed in time, and no user was served by it."),
    Transition("T3", (GATING,), "paused_too_long_before_traffic", (REJECTED,), "Nobody resumed the release in time; no user was served by it."),
    Transition("T3", (GATING,), "stable_changed_before_traffic", (REJECTED,), "The stable version of {service} changed under the release; no user was served by it."),
    Transition("T4", _APPLYING, "routing_written", _VERIFYING, "Revision {revision} gives {given}."),
    Transition("T5", _VERIFYING, "verified", _SOAKING, "Every gateway serves revision {revision}; the window of {soak} begins."),
    Transition("T6", _SOAKING, "soaked", _JUDGED, "The window is over."),
    Transition("T6", (_STEP[SubPhase.SOAKING],), "decided", _JUDGING, "The evidence decides; the rest of the time is not needed."),
    Transition("T6", (_STEP[SubPhase.SOAKING],), "soak_skipped", _JUDGING, "The rest of the soak is skipped on request."),
    Transition("T6", (_STEP[SubPhase.SOAKING],), "mirror_spent", _JUDGING, "Copies have used what they may ({cost} USD, {tokens} tokens); the pairs so far are judged."),
    Transition("T7", _JUDGING, "step_passed", _NEXT, "The step passes: no guardrail is breached after {samples} requests."),
    Transition("T7", _JUDGING, "step_forced", _NEXT, "No guardrail is breached; the missing evidence is accepted on request ({samples} requests)."),
    Transition("T7", _JUDGING, "step_without_data", _NEXT, "Too few requests to judge ({samples}); going on, as on_no_data says."),
    Transition("T7", _JUDGING, "winner_found", _NEXT, "{variant} wins, which is {candidate}: {detail}."),
    Transition("T7", _JUDGING, "winner_forced", _NEXT, "{variant} leads, which is {candidate}, and is taken on request though it is not surely better: {detail}."),
    Transition("T7", _JUDGING, "stable_kept", _BACK, "The experiment is over and stable stays: {detail}."),
    Transition("T7", _JUDGING, "reported", _BACK, "The experiment is over and stable stays: {detail}."),
    Transition("T7", (_STEP[SubPhase.WAITING],), "approved", _NEXT, "{actor} approved: {reason}"),
    Transition("T7", _JUDGING, "finished", (SUCCEEDED,), "The shadow passes: no guardrail is breached over {samples} pairs. It ends here, as its strategy says: {candidate} has served no user, and stable stays."),
    Transition("T7", _JUDGING, "finished_forced", (SUCCEEDED,), "No guardrail is breached; the missing evidence is accepted on request ({samples} pairs). The shadow ends, {candidate} has served no user, and stable stays."),
    Transition("T7", _JUDGING, "finished_without_data", (SUCCEEDED,), "Too few pairs to judge ({samples}); ending, as on_no_data says. {candidate} has served no user, and stable stays."),
    Transition("T8", _JUDGED, "extended", _SOAKING, "{samples} requests do not decide the step; the soak is extended by {soak}."),
    Transition("T8", _JUDGED, "inconclusive", _BACK, "{samples} requests do not decide the step; rolling back, as on_inconclusive says.", True),
    Transition("T8", _JUDGED, "no_data", _BACK, "Too few requests to judge ({samples}); rolling back, as on_no_data says.", True),
    Transition("T9", _SERVING, "hard_limit", _BACK, "A hard limit is breached: {detail}.", True),
    Transition("T9", (*_JUDGING, *_BAKED), "objective", _BACK, "An objective is missed: {detail}.", True),
    Transition("T9", _SERVING, "guardrail", _BACK, "A guardrail is breached: {detail}.", True),
    Transition("T9", _SERVING, "cut_off", _BACK, "Gateways cut {candidate} off after {failures} hard failures in a row ({detail}).", True),
    Transition("T9", _SERVING, "alert", _BACK, "An alert was raised: {reason}", True),
    Transition("T9", _SERVING, "candidate_lost", _BACK, "{candidate} no longer serves: {detail}", True),
    Transition("T9", _SERVING, "metrics_stale", _BACK, "Gateways have requests to report, and none has arrived since {since}.", True),
    Transition("T9", _SERVING, "deadline", _BACK, "The release was not promoted by its deadline.", True),
    Transition("T9", _SERVING, "paused_too_long", _BACK, "Nobody resumed the release in time.", True),
    Transition("T9", (_STEP[SubPhase.WAITING],), "approval_timeout", _BACK, "Nobody approved in time.", True),
    Transition("T9", (_STEP[SubPhase.WAITING],), "approval_refused", _BACK, "{actor} did not approve: {reason}"),
    Transition("T9", _SERVING, "stable_changed", _BACK, "The stable version of {service} changed under the release.", True),
    Transition("T9", _SERVING, "aborted", _BACK, "{actor} aborted the release: {reason}"),
    Transition("T10", _BAKED, "promoted", (DRAINING,), "{candidate} is the stable version: no guardrail is breached after {samples} requests."),
    Transition("T10", _BAKED, "promoted_forced", (DRAINING,), "{candidate} is the stable version; the missing data were accepted on request ({samples} requests)."),
    Transition("T10", _BAKED, "promoted_without_data", (DRAINING,), "{candidate} is the stable version. Note: too few user requests to judge ({samples}); {answered} probes answered."),
    Transition("T11", (DRAINING,), "rollback_requested", _BACK, "{actor} asked for the way back: {reason}"),
    Transition("T11", (DRAINING,), "hard_limit", _BACK, "A hard limit is breached: {detail}.", True),
    Transition("T11", (DRAINING,), "guardrail", _BACK, "A guardrail is breached: {detail}.", True),
    Transition("T11", (DRAINING,), "cut_off", _BACK, "Gateways cut {candidate} off after {failures} hard failures in a row ({detail}).", True),
    Transition("T11", (DRAINING,), "alert", _BACK, "An alert was raised: {reason}", True),
    Transition("T11", (DRAINING,), "candidate_lost", _BACK, "{candidate} no longer serves: {detail}", True),
    Transition("T12", (DRAINING,), "drained", (SUCCEEDED,), "Nothing is under way at the old version any more."),
    Transition("T12", (DRAINING,), "drain_timeout", (SUCCEEDED,), "The last requests at the old version were waited for long enough."),
    Transition("T13", (ROLLING_BACK,), "stable_restored", _END, "Every gateway serves stable alone, and nothing is under way at {trial}."),
    Transition("T13", (ROLLING_BACK,), "drain_timeout", _END, "Every gateway serves stable alone; the last requests at {trial} were waited for long enough."),
    Transition("T14", (GATING, *_SERVING), "superseded", _BACK, "The newer release {other} takes its place."),
    Transition("T15", (DRAINING,), "newer_release", (SUCCEEDED,), "The newer release {other} begins; the old version is kept warm no longer."),
    Transition("T16", (PENDING,), "already_stable", (SUCCEEDED,), "{candidate} is the stable version already."),
    Transition("T16", (GATING,), "stable_submitted_before_traffic", (REJECTED,), "Release {other} asks for the stable version, which ends this one; no user was served by it."),
    Transition("T16", _SERVING, "stable_submitted", _BACK, "Release {other} asks for the stable version, which ends this one."),
    Transition("T17", (ROLLED_BACK, REJECTED), "retried", (PENDING,), "{actor} retries the release: {reason}"),
    Transition("P2", _both(*_CYCLE), "unfrozen", _APPLYING, "The freeze is over; the weight is applied and verified anew."),
)
# fmt: on

# Changes beside the table: the overlay, the clock, and intents that change nothing.
NOTES: dict[str, tuple[str, str]] = {
    "paused": ("P1", "Paused: {why}."),
    "resumed": ("P2", "No longer paused, as it was: {why}."),
    "arm_removed": ("A1", "The arm {variant} ({version}) is taken out, its units go to stable: {detail}."),
    "reweighted": ("A2", "Round {round} begins with new weights for new units: {weights}; {why}."),
    "arm_gone": ("A1", "No gateway sends anybody to the arm {variant} any more."),
    "clock_jump": ("C1", "The clock moved by {seconds} s; every deadline moved with it."),
    "gate_passed": ("G1", "{gate} passed: {detail}."),
    "gate_not_passed": ("G1", "{gate} did not pass: {detail}."),
    "approval_overdue": (
        "N1",
        "Nobody with the role {role} approved in time; the release waits on, as on_timeout says.",
    ),
    "soak_cut_short": ("N1", "{actor} asked to go on: {reason}"),
    "full_promotion": ("N1", "{actor} asked to skip all soaks: {reason}"),
    "mirror_ended": (
        "N1",
        "Copies have used what they may ({cost} USD, {tokens} tokens); the split goes on without them.",
    ),
    "too_early": ("N1", "Nothing to promote yet: the candidate is not in traffic."),
    "already_ended": ("N1", "The release has ended; nothing changes."),
    "already_rolling_back": ("N1", "The release is rolling back already."),
    "already_promoted": ("N1", "The candidate is the stable version already."),
    "already_paused": ("N1", "The release is paused already."),
    "not_paused": ("N1", "Nothing that resuming could lift holds the release."),
    "nothing_to_return_to": ("N1", "{service} had no version before this one, so there is no way back."),
    "not_awaiting_approval": ("N1", "No approval is awaited."),
    "role_missing": ("N1", "{actor} lacks the role {role} that this approval needs."),
    "not_retryable": ("N1", "Only a release that was rolled back or rejected can be retried."),
    "reason_missing": ("N1", "A retry needs a reason."),
}


def find(place: Place, code: str) -> Transition:
    """The row for ``code`` at ``place``.

    Raises:
        InternalError: there is none: the transition is illegal.
    """
    try:
        return _TABLE[place][code]
    except KeyError:
        raise InternalError(f"no transition {code!r} leads from {_name(place)}", code="illegal_transition") from None


def diagram(rows: Iterable[Transition] = TRANSITIONS) -> str:
    """The table as a Mermaid state diagram, phases only; the same text for the same table."""
    edges: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for source in row.sources:
            for target in row.targets:
                if source[0] is not target[0]:
                    labels = edges.setdefault((source[0].value, target[0].value), [])
                    if row.number not in labels:
                        labels.append(row.number)
    ends = [f"    {phase.value} --> [*]" for phase in Phase if phase.is_terminal]
    lines = [f"    {source} --> {target}: {', '.join(labels)}" for (source, target), labels in edges.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> pending", *lines, *ends])


def _name(place: Place) -> str:
    return ".".join(str(part) for part in place if part is not None)


def _index(rows: Iterable[Transition]) -> dict[Place, dict[str, Transition]]:
    table: dict[Place, dict[str, Transition]] = {}
    for row in rows:
        for place in row.sources:
            known = table.setdefault(place, {})
            if row.code in known:
                raise InternalError(f"two transitions {row.code!r} lead from {_name(place)}")
            known[row.code] = row
    return table


_TABLE = _index(TRANSITIONS)
