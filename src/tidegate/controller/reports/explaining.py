"""Why a release is where it is, in plain sentences: where it stands, what was compared, what the evidence says, what
would change that, and what a person can do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tidegate.controller.reports.wording import duration, instant, share, words
from tidegate.shapes.releases import MetricVerdict, Mirror, Release

_SAID = {
    "pass": "Passes",
    "fail": "Fails",
    "inconclusive": "Not decided",
    "no_data": "No data yet",
}
_STANDS = {"succeeded": "has", "rolled_back": "was", "rejected": "was", "superseded": "was"}
_REQUESTS = frozenset({"aborted", "aborted_before_traffic", "rollback_requested", "approval_refused"})
_PAUSES = {
    "manual": "A person paused it: `tidegate resume` lets it go on.",
    "step_pause": "Its step asks for a person: `tidegate resume` or `tidegate approve` lets it go on.",
    "inconclusive": "The evidence does not decide the step: `tidegate resume` soaks once more, `tidegate promote` accepts"
    " what is known, `tidegate abort` ends it.",
    "no_data": "Too few requests came to judge the step: `tidegate resume` soaks once more, `tidegate promote` accepts"
    " that, `tidegate abort` ends it.",
    "freeze": "The service is frozen at stable: `tidegate unfreeze` lets it go on.",
    "unverified": "Some gateway does not serve the wanted routing; it goes on by itself once all of them do.",
}


def explained(release: Release) -> tuple[str, ...]:
    """The sentences, in the order in which a person asks."""
    return (
        *_standing(release),
        *_gates(release),
        *_weighed(release),
        *_compared(release),
        *_judged(release),
        *_next(release),
    )


def _standing(release: Release) -> Iterator[str]:
    beside = f" beside {release.stable}" if release.stable else ", the first version of its service"
    opening = f"Release {release.id} {_brings(release)} {release.service} by {release.strategy}{beside}"
    yield f"{opening}; it {_STANDS.get(release.phase, 'is')} {words(release.phase)}{_place(release)}."
    if release.breach is not None:
        asked = "It was ended on request" if release.breach.trigger in _REQUESTS else "It ended"
        cause = "Tidegate ended it by itself" if release.breach.is_automatic else asked
        yield f"{cause} at {instant(release.breach.at)}: {release.breach.sentence}"
        if release.time_to_stable_seconds is not None:
            yield (
                f"Every gateway served stable alone {duration(release.time_to_stable_seconds)} later; "
                f"{release.exposed_requests} requests of users had been assigned to {'its arms' if len(release.arms) > 1 else 'the candidate'}."
            )
    for approval in release.approvals:
        why = f": {approval.reason}" if approval.reason else ""
        yield f"{approval.actor} approved it as {approval.role} at {instant(approval.at)}{why}."
    if release.phase == "succeeded" and release.finishes:
        yield f"It has finished as its strategy says: {release.version} has served no user, and stable stays."
    if release.is_running:
        for reason in release.pause_reasons:
            yield _PAUSES.get(reason) or _awaited(release)
        if _awaits_gateways(release):
            yield "No gateway is connected to control, so nobody probes or serves it: `tidegate gateways` lists those that were."


def _brings(release: Release) -> str:
    """What is on trial, and that it comes to a service."""
    if len(release.arms) < 2:
        return f"brings {release.version} to"
    return f"tries {', '.join(f'{arm} ({version})' for arm, version in release.arms.items())} on"


def _awaits_gateways(release: Release) -> bool:
    return release.actual is not None and not release.actual.gateways


def _place(release: Release) -> str:
    sub_phase = f", {release.sub_phase}" if release.sub_phase else ""
    if release.phase != "progressing":
        return sub_phase
    step = release.program[release.step] if release.step < len(release.program) else {}
    return f" in step {release.step + 1} of {len(release.program)} ({describe_step(step)}){sub_phase}"


def describe_step(step: dict[str, object]) -> str:
    """``25 % of the units for 4 h``, ``approval by release-manager``."""
    kind = str(step.get("kind", ""))
    if kind == "approve":
        return f"approval by {step.get('role')}"
    if kind == "interleave":
        return f"interleave {words(str(step['mode']))} for {duration(float(str(step['horizon'])))} at most"
    if kind == "decide":
        return _decision(step)
    parts = [f"{kind} {share(int(str(step['weight'])))} of the units" if "weight" in step else kind]
    if isinstance(mirroring := step.get("mirroring"), dict):
        parts.append(
            f"{'with ' if 'weight' in step else ''}copies of {share(int(mirroring['share']))} of stable's requests"
        )
    if step.get("audience"):
        parts.append(f"of segment {step['audience']}")
    if step.get("soak"):
        parts.append(f"for {duration(float(str(step['soak'])))}")
    return " ".join(parts)


def _decision(step: dict[str, object]) -> str:
    """``deciding between control, short and long for at most 3 d``."""
    weights = step.get("weights")
    arms = ", ".join(weights) if isinstance(weights, dict) else ""
    audience = f" of segment {step['audience']}" if step.get("audience") else ""
    return f"deciding between control and {arms}{audience} for at most {duration(float(str(step.get('horizon', 0))))}"


def _weighed(release: Release) -> Iterator[str]:
    """How the weights of a bandit move, while they do."""
    step = release.program[release.step] if release.step < len(release.program) else {}
    rule = step.get("reweighting")
    if release.phase != "progressing" or not isinstance(rule, dict):
        return
    now = ", ".join(f"{version} {share(weight)}" for version, weight in release.weights.items())
    held = "; they stand still while it is paused" if release.pause_reasons else ""
    yield (
        f"Weights of new units follow {rule['reward']} by {rule['algorithm']}: every {duration(float(rule['epoch']))}, from "
        f"{float(rule['floor']):.0%} to {float(rule['ceiling']):.0%}, by at most {float(rule['max_change']):.0%} at once{held}. "
        f"Now: {now}. Whoever returns keeps their variant. `tidegate results {release.id}` tells every round."
    )


def _awaited(release: Release) -> str:
    step = release.program[release.step] if release.step < len(release.program) else {}
    until = f" until {instant(release.approve_until)}" if release.approve_until else ""
    return f"It waits for somebody with the role {step.get('role', 'approver')}{until}: `tidegate approve` or `tidegate reject`."


def _gates(release: Release) -> Iterator[str]:
    for gate in release.gates:
        if gate.verdict is None:
            if release.phase in {"pending", "gating"}:
                yield f"{_named(gate.name)} has not answered yet."
            continue
        said = "passed" if gate.verdict == "pass" else "did not pass"
        only = ", which is only a warning" if gate.verdict != "pass" and gate.action == "warn" else ""
        yield f"{_named(gate.name)} {said}{only}: {gate.sentence}."


def _named(name: str) -> str:
    return f"Gate {name}" if "gate" not in name.lower() else name[:1].upper() + name[1:]


def _compared(release: Release) -> Iterator[str]:
    if release.mirror is not None:
        yield from _mirrored(release, release.mirror)
    if release.window_opened_at is None:
        return
    if _is_mirror(release):
        yield from _paired(release)
        return
    yield (
        f"Counted are requests that began after {instant(release.window_opened_at)}, when every gateway served the "
        f"step's routing: {release.samples} units of {'the arms' if len(release.arms) > 1 else 'the candidate'} so far."
    )
    if _step(release).get("kind") in {"decide", "interleave"}:
        yield f"`tidegate results {release.id}` tells where each arm stands."
    if release.missing_samples:
        when = "" if release.missing_seconds is None else f", in about {duration(release.missing_seconds)} at this rate"
        yield f"The step is judged from {release.samples + release.missing_samples} units on: {release.missing_samples} are missing{when}."
    actual = release.actual
    if actual is not None and actual.requests:
        seen = ", ".join(f"{version} {share(weight)}" for version, weight in actual.weights.items())
        yield f"Of {actual.requests} requests observed in this step went to: {seen}."
    if actual is not None and actual.lagging:
        yield f"Gateways that do not serve the wanted routing yet: {', '.join(actual.lagging)}."


def _step(release: Release) -> dict[str, Any]:
    """The step under way, empty after the last one."""
    return release.program[release.step] if release.step < len(release.program) else {}


def _is_mirror(release: Release) -> bool:
    step = _step(release)
    return step.get("kind") == "mirror" or (step.get("kind") == "interleave" and bool(step.get("mirroring")))


def _mirrored(release: Release, mirror: Mirror) -> Iterator[str]:
    bound = f" of at most {mirror.max_cost_usd:g} USD" if mirror.max_cost_usd else ""
    if _step(release).get("mode") == "side_by_side":
        yield (
            f"{share(mirror.share)} of the requests whose clients can show two answers get one of each version, in random "
            f"order; those of {release.version} have cost {mirror.cost_usd:.4g} USD{bound}."
        )
        return
    yield (
        f"Copies of {share(mirror.share)} of stable's requests go to {release.version}, and no user sees its answers; "
        f"they have cost {mirror.cost_usd:.4g} USD{bound}."
    )


def _paired(release: Release) -> Iterator[str]:
    """The samples of a step that only mirrors are pairs."""
    yield (
        f"Compared are both answers to the same requests, from {instant(release.window_opened_at)} on, when every "
        f"gateway copied: {release.samples} pairs. `tidegate pairs {release.id}` lists them."
    )
    if _step(release).get("kind") == "interleave":
        yield f"`tidegate results {release.id}` tells how the votes stand."
    if release.missing_samples:
        yield f"The step is judged from {release.samples + release.missing_samples} pairs on: {release.missing_samples} are missing."


def _judged(release: Release) -> Iterator[str]:
    for verdict in release.verdicts:
        note = " (dry run: shown, never acted on)" if verdict.is_dry_run else ""
        whose = "" if verdict.variant == "candidate" else f"{verdict.variant}, "
        yield f"{_SAID.get(verdict.verdict, verdict.verdict)}{note}: {whose}{verdict.sentence}."
        change = "" if verdict.is_dry_run else what_would_change(verdict)
        if change and release.is_running:
            yield f"  {change}"


def what_would_change(verdict: MetricVerdict) -> str:
    """What evidence would turn the verdict, "" where nothing can be said."""
    match verdict.verdict:
        case "fail":
            return (
                "Nothing changes this in this attempt: what breaches a bound under continuous looking stays breached."
            )
        case "inconclusive":
            return _until_decided(verdict)
        case "pass" if verdict.effect_lower is not None:
            return "It would fail if the lower bound of the harm rose above what the guardrail allows."
        case "pass" if verdict.lower is not None:
            return "It would fail if the lower bound rose above the limit."
        case "no_data":
            return "There are too few requests to judge by; only more of them change this, as no data is never a pass."
        case _:
            return ""


def _until_decided(verdict: MetricVerdict) -> str:
    """How many units decide it if the effect stays what it is: an interval shrinks with the root of its units."""
    effect, lower, upper = verdict.effect, verdict.effect_lower, verdict.effect_upper
    if verdict.metric.endswith("win_rate"):
        return "More votes decide it, or a clearer preference; `tidegate results` tells them."
    if effect is None:
        return "More units of the smaller arm decide it."
    bound = upper if effect < verdict.limit else lower
    gap = abs(verdict.limit - effect)
    if bound is None or gap == 0 or verdict.samples == 0:
        return "More units of the smaller arm decide it, or a larger effect."
    factor = (abs(bound - effect) / gap) ** 2
    if not math.isfinite(factor) or factor <= 1:
        return "A few more units decide it."
    side = "pass" if effect < verdict.limit else "fail"
    return f"If the effect stays as it is, about {math.ceil(verdict.samples * factor)} units of the candidate decide it (to {side})."


def _next(release: Release) -> Iterator[str]:
    if not release.is_running:
        if release.phase in {"rolled_back", "rejected"}:
            yield f"`tidegate retry {release.id} --reason …` tries it once more, with fresh evidence."
        return
    if release.phase == "pending":
        wait = f" not before {instant(release.not_before_at)}" if release.not_before_at else ""
        yield f"It starts when no other release of {release.service} runs and nothing is frozen{wait}."
    if release.soak_until is not None:
        yield f"The present soak ends at {instant(release.soak_until)}; then the step is judged."
    if release.deadline_at is not None and release.phase != "draining":
        end = "finished" if release.finishes else "promoted"
        yield f"It must be {end} by {instant(release.deadline_at)}, or it is rolled back."
    if release.phase == "draining":
        yield f"`tidegate rollback {release.service}` still returns at once: the version before is kept ready."
