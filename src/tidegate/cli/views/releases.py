"""Releases, services and incidents as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, fields, table
from tidegate.cli.views.incidents import incident_lines
from tidegate.cli.wording import UNKNOWN, duration, instant, moment, phase, plain, relative, share, verdict
from tidegate.shapes.counts import ReleaseCounts
from tidegate.shapes.operations import Checklist, RollbackTargets
from tidegate.shapes.releases import Explanation, MetricVerdict, Mirror, Release, Status

_BAR_CELLS = 20
_FULL = 10_000
_STANDINGS = {"done": ("✔", "green"), "open": ("○", ""), "failed": ("✖", "bold red"), "not_needed": ("-", "dim")}


def status_lines(status: Status, now: datetime) -> list[Text]:
    """What users of one service get, and where its release is."""
    lines = [Text(status.service, style="bold")]
    head: list[tuple[str, Cell]] = [("stable", status.stable or "none yet: release the first version")]
    if status.freeze is not None:
        frozen = f"by {status.freeze.actor}, {moment(status.freeze.created_at, now)}: {status.freeze.reason}"
        head.append(("frozen", Text(frozen, style="yellow")))
    if status.release is None:
        return lines + fields([*head, ("release", "none yet")])
    return lines + fields([*head, *_release_fields(status.release, now), *_waiting(status)])


def release_lines(release: Release, now: datetime) -> list[Text]:
    """Where one release is."""
    return fields(_release_fields(release, now), indent=0)


def services_table(statuses: Sequence[Status], now: datetime) -> list[Text]:
    """One line for each service."""
    if not statuses:
        return [Text("No services yet: declare one in tidegate.yaml, or push a bundle.")]
    rows: list[list[Cell]] = []
    for status in statuses:
        release = status.release
        shown = Text(UNKNOWN, style="dim") if release is None else phase(release)
        since = UNKNOWN if release is None else relative(release.ended_at or release.created_at, now)
        frozen = Text(" frozen", style="yellow") if status.freeze else Text()
        candidate = release.version if release is not None and release.is_running else UNKNOWN
        rows.append([status.service, status.stable or UNKNOWN, candidate, shown + frozen, since])
    return table(["service", "stable", "candidate", "release", "since"], rows)


def history_table(releases: Sequence[Release], now: datetime) -> list[Text]:
    """One line for each release, newest first."""
    if not releases:
        return [Text("No releases yet.")]
    rows: list[list[Cell]] = [
        [
            release.id,
            release.version,
            release.strategy,
            phase(release),
            verdict(release.verdict),
            str(release.exposed_requests),
            moment(release.created_at, now),
            duration((release.ended_at - release.created_at).total_seconds()) if release.ended_at else "running",
            release.actor,
            release.breach.sentence if release.breach else release.reason,
        ]
        for release in releases
    ]
    titles = ["release", "version", "strategy", "phase", "verdict", "exposed", "submitted", "took", "by", "why"]
    return table(titles, rows, numbers={5})


def explanation_lines(explanation: Explanation, judged_by: ReleaseCounts, now: datetime) -> list[Text]:
    """Why a release is where it is, everything that led there, and what it rests on."""
    lines = [Text(sentence) for sentence in explanation.summary]
    lines += [Text(), Text("What happened", style="bold")]
    lines += [Text(f"  {sentence}") for sentence in explanation.sentences]
    lines += _thresholds(judged_by)
    if explanation.incident is not None:
        lines += [Text(), *incident_lines(explanation.incident, now)]
    return lines


def _thresholds(judged_by: ReleaseCounts) -> list[Text]:
    """Every bound of the release, and who declared them when."""
    bounds = [(bound, "surely no worse than stable") for bound in judged_by.spec.get("guardrails", ())]
    bounds += [(bound, "surely better than stable") for bound in judged_by.spec.get("objectives", ())]
    if not bounds:
        return []
    lines = [Text(), Text("Thresholds", style="bold")]
    lines += [
        Text(f"  declared by {change.actor} at {instant(change.at)} (audit row {change.seq})")
        for change in judged_by.thresholds
    ]
    for bound, otherwise in bounds:
        words = ", ".join(f"{name} {plain(value)}" for name, value in bound.items() if name != "metric")
        lines.append(Text(f"  {bound['metric']}: {words or otherwise}"))
    return lines


def checklist_lines(checklist: Checklist) -> list[Text]:
    """What was, is and is to be seen to."""
    lines = [Text.assemble((checklist.version, "bold"), f"  release {checklist.release}")]
    for when in ("before", "during", "after"):
        lines += [Text(), Text(when.capitalize(), style="bold")]
        for item in checklist.items:
            if item.when == when:
                mark, style = _STANDINGS[item.standing]
                detail = f": {item.detail}" if item.detail else ""
                lines.append(Text.assemble((f"  {mark} ", style), item.what, (detail, "dim")))
    return lines


def targets_table(targets: RollbackTargets, now: datetime) -> list[Text]:
    """Where a service may return to."""
    if not targets.items:
        return [Text(f"{targets.service} had no version before {targets.stable or 'its first'}.")]
    rows: list[list[Cell]] = [
        [
            target.version,
            "default" if target.is_previous else "",
            "warm" if target.is_warm else "",
            moment(target.was_stable_at, now),
            Text(target.gone or target.unstable, style="red"),
        ]
        for target in targets.items
    ]
    return table(["version", "rollback", "ready", "stable until", "beware"], rows)


def step_line(release: Release) -> str:
    """One line of progress: phase, weight of the candidate, verdict, samples."""
    parts = [release.id, phase(release).plain, f"candidate at {share(_candidate_weight(release))}"]
    if release.mirror:
        parts.append(f"copies of {share(release.mirror.share)}, {release.mirror.cost_usd:.4g} USD")
    if release.verdict:
        missing = f", {release.missing_samples} more needed" if release.missing_samples else ""
        parts.append(f"{verdict(release.verdict).plain} ({release.samples} samples{missing})")
    if release.breach:
        parts.append(release.breach.sentence)
    return "  ".join(parts)


def outcome_sentence(release: Release, outcome: str) -> str:
    """How waiting for a release ended."""
    if outcome == "promoted":
        return f"{release.version} is the stable version of {release.service} now."
    if release.phase == "succeeded" and release.finishes:
        return f"Release {release.id} has finished: {release.version} has served no user, and stable stays."
    if outcome == "paused":
        reasons = ", ".join(reason.replace("_", " ") for reason in release.pause_reasons)
        return f"Release {release.id} is paused ({reasons}); `tidegate explain {release.id}` says why."
    if outcome == "timed_out":
        return f"Release {release.id} is still {release.phase.replace('_', ' ')}; it goes on."
    why = f": {release.breach.sentence}" if release.breach else "."
    return f"Release {release.id} was {release.phase.replace('_', ' ')}{why}"


def _release_fields(release: Release, now: datetime) -> list[tuple[str, Cell]]:
    attempt = f", attempt {release.attempt}" if release.attempt > 1 else ""
    found: list[tuple[str, Cell]] = [
        ("release", f"{release.id}  {release.strategy}{attempt}, by {release.actor}"),
        *_on_trial(release),
        ("phase", phase(release)),
        ("began", moment(release.started_at or release.created_at, now)),
    ]
    if release.reason:
        found.append(("reason", release.reason))
    found += [("step", _step(release))] if release.phase == "progressing" else []
    if release.is_running:
        found += [("next" if not index else "", text) for index, text in enumerate(_deadlines(release, now))]
    elif release.ended_at:
        found.append(("ended", moment(release.ended_at, now)))
    found += [("traffic" if not index else "", line) for index, line in enumerate(_weights(release))]
    found += [("", line) for line in _targeted(release)]
    found += [("mirror", _mirrored(release, release.mirror))] if release.mirror else []
    found += [("observed", line) for line in _actual(release)]
    found += [("gates" if not index else "", line) for index, line in enumerate(_gates(release))]
    found += [("approved" if not index else "", line) for index, line in enumerate(_approvals(release))]
    found += [("verdict" if not index else "", line) for index, line in enumerate(_verdicts(release))]
    if release.breach:
        why, style = ("why", "") if release.phase == "succeeded" else ("breach", "red")
        found.append((why, Text(f"{release.breach.sentence} ({instant(release.breach.at)})", style=style)))
    if release.time_to_stable_seconds is not None:
        found.append(("to stable", duration(release.time_to_stable_seconds)))
    return found


def _on_trial(release: Release) -> list[tuple[str, Cell]]:
    """The candidate, or every arm with its version."""
    if len(release.arms) < 2:
        return [("version", release.version)]
    width = max(map(len, release.arms))
    lines = [f"{arm.ljust(width)}  {version}" for arm, version in release.arms.items()]
    return [("arms" if not index else "", line) for index, line in enumerate(lines)]


def _deadlines(release: Release, now: datetime) -> list[str]:
    known = (
        ("approval is overdue", release.approve_until),
        ("may start", release.not_before_at if release.phase == "pending" else None),
        ("soak ends", release.soak_until),
        ("must be promoted by", release.deadline_at if release.phase != "draining" else None),
    )
    return [f"{what} {relative(at, now)} ({instant(at)})" for what, at in known if at is not None and at > now]


def _step(release: Release) -> str:
    step = release.program[release.step] if release.step < len(release.program) else {}
    told = f"{release.step + 1} of {len(release.program)}: {step.get('kind', '')}"
    if step.get("mode"):
        told += f" {step['mode'].replace('_', ' ')}"
    if "weight" in step:
        told += f" {share(step['weight'])}"
    if step.get("mode") == "side_by_side":
        told += f" for {share(step['mirroring']['share'])}"
    elif step.get("mirroring"):
        told += f"{' with' if 'weight' in step else ''} copies of {share(step['mirroring']['share'])}"
    if step.get("role"):
        told += f" by {step['role']}"
    return told + (f" of segment {step['audience']}" if step.get("audience") else "")


def _targeted(release: Release) -> list[str]:
    """What segments get beside everybody's weights: their latest step, until all units are moved."""
    if release.phase != "progressing":
        return []
    begun = [step for step in release.program[: release.step + 1] if step.get("audience")]
    latest = {step["audience"]: step["weight"] for step in begun}
    return [f"of segment {segment} {share(weight)} to {release.version}" for segment, weight in latest.items()]


def _mirrored(release: Release, mirror: Mirror) -> str:
    bounds = [
        f"{mirror.cost_usd:.4g} of {mirror.max_cost_usd:g} USD"
        if mirror.max_cost_usd
        else f"{mirror.cost_usd:.4g} USD",
        f"{mirror.tokens} of {mirror.max_tokens} tokens" if mirror.max_tokens else f"{mirror.tokens} tokens",
    ]
    step = release.program[release.step] if release.step < len(release.program) else {}
    whose = "those that ask for two answers" if step.get("mode") == "side_by_side" else "stable's requests"
    used = f"{' and '.join(bounds)} used so far, {release.samples} samples"
    return f"second answers to {share(mirror.share)} of {whose}; {used}"


def _actual(release: Release) -> list[Text]:
    """What gateways do, beside what is wanted."""
    actual = release.actual
    if actual is None:
        return []
    if not actual.gateways:
        return [Text("no gateway is connected, so nobody probes or serves it: tidegate gateways", style="yellow")]
    shares = ", ".join(f"{version} {share(weight)}" for version, weight in actual.weights.items())
    told = f"{shares} of {actual.requests} requests in this step; " if shares else ""
    serving = f"{actual.current} of {actual.gateways} gateways serve this routing"
    lagging = f" (not yet: {', '.join(actual.lagging)})" if actual.lagging else ""
    return [Text.assemble(told, (serving + lagging, "yellow" if actual.lagging else ""))]


def _gates(release: Release) -> list[Text]:
    return [
        Text.assemble(
            verdict(gate.verdict) if gate.verdict else Text("○ not asked yet", style="dim"),
            f"  {gate.name}{' (only a warning)' if gate.action == 'warn' else ''}: {gate.sentence or gate.kind}",
        )
        for gate in release.gates
    ]


def _approvals(release: Release) -> list[str]:
    return [
        f"step {each.step + 1} by {each.actor} as {each.role}, {instant(each.at)}"
        + (f": {each.reason}" if each.reason else "")
        for each in release.approvals
    ]


def _weights(release: Release) -> list[Text]:
    width = max(map(len, release.weights), default=0)
    lines = []
    for ref, weight in release.weights.items():
        filled = round(weight / _FULL * _BAR_CELLS)
        style = "cyan" if ref == release.version else "green"
        bar = (("█" * filled, style), ("░" * (_BAR_CELLS - filled), "dim"))
        lines.append(Text.assemble(f"{ref.ljust(width)}  {share(weight):>7}  ", *bar))
    return lines


def _verdicts(release: Release) -> list[Text]:
    if release.verdict is None:
        return []
    needed = ""
    if release.missing_samples:
        when = "" if release.missing_seconds is None else f", in about {duration(release.missing_seconds)}"
        needed = f", {release.missing_samples} more needed{when}"
    told = f"  {release.samples} samples{needed}; {release.exposed_requests} requests exposed"
    head = Text.assemble(verdict(release.verdict), told)
    return [head, *(_judged(each) for each in release.verdicts)]


def _judged(judged: MetricVerdict) -> Text:
    note = " (dry run)" if judged.is_dry_run else ""
    whose = "" if judged.variant == "candidate" else f"{judged.variant}, "
    what = "" if judged.sentence.startswith(judged.metric) else f"{judged.metric}: "
    return Text.assemble(verdict(judged.verdict), f"  {whose}{what}{judged.sentence}{note}")


def _waiting(status: Status) -> list[tuple[str, Cell]]:
    return [("waiting", ", ".join(status.waiting))] if status.waiting else []


def _candidate_weight(release: Release) -> int:
    return release.weights.get(release.version, 0)
