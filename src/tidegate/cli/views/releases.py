"""Releases, services and incidents as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, fields, table
from tidegate.cli.wording import UNKNOWN, duration, instant, moment, phase, relative, share, verdict
from tidegate.shapes.releases import Explanation, Incident, MetricVerdict, Release, Status

_BAR_CELLS = 20
_FULL = 10_000


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


def explanation_lines(explanation: Explanation, now: datetime) -> list[Text]:
    """Where a release is, everything that led there, and what it rests on."""
    lines = [*release_lines(explanation.release, now), Text()]
    lines += [Text(f"  {sentence}") for sentence in explanation.sentences]
    if explanation.incident is not None:
        lines += [Text(), *incident_lines(explanation.incident, now)]
    return lines


def incidents_table(incidents: Sequence[Incident], now: datetime) -> list[Text]:
    """One line for each incident, newest first."""
    if not incidents:
        return [Text("No incidents.")]
    rows: list[list[Cell]] = [
        [
            incident.id,
            incident.service,
            incident.release,
            Text(incident.trigger, style="red"),
            moment(incident.opened_at, now),
            str(incident.exposed_requests),
            duration(incident.time_to_stable_seconds),
            incident.summary,
        ]
        for incident in incidents
    ]
    titles = ["incident", "service", "release", "trigger", "opened", "exposed", "to stable", "summary"]
    return table(titles, rows, numbers={5, 6})


def incident_lines(incident: Incident, now: datetime) -> list[Text]:
    """One incident."""
    pairs: list[tuple[str, Cell]] = [
        ("opened", moment(incident.opened_at, now)),
        ("trigger", Text(incident.trigger, style="red")),
        ("summary", incident.summary),
        ("exposed", f"{incident.exposed_requests} requests of users"),
        ("to stable", duration(incident.time_to_stable_seconds)),
    ]
    return [Text(f"incident {incident.id}", style="bold red"), *fields(pairs)]


def step_line(release: Release) -> str:
    """One line of progress: phase, weight of the candidate, verdict, samples."""
    parts = [release.id, phase(release).plain, f"candidate at {share(_candidate_weight(release))}"]
    if release.verdict:
        parts.append(f"{verdict(release.verdict).plain} ({release.samples} samples)")
    if release.breach:
        parts.append(release.breach.sentence)
    return "  ".join(parts)


def outcome_sentence(release: Release, outcome: str) -> str:
    """How waiting for a release ended."""
    if outcome == "promoted":
        return f"{release.version} is the stable version of {release.service} now."
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
        ("version", release.version),
        ("phase", phase(release)),
        ("began", moment(release.started_at or release.created_at, now)),
    ]
    if release.reason:
        found.append(("reason", release.reason))
    if release.is_running:
        found += [("next" if not index else "", text) for index, text in enumerate(_deadlines(release, now))]
    elif release.ended_at:
        found.append(("ended", moment(release.ended_at, now)))
    found += [("traffic" if not index else "", line) for index, line in enumerate(_weights(release))]
    found += [("verdict" if not index else "", line) for index, line in enumerate(_verdicts(release))]
    if release.breach:
        found.append(("breach", Text(f"{release.breach.sentence} ({instant(release.breach.at)})", style="red")))
    if release.time_to_stable_seconds is not None:
        found.append(("to stable", duration(release.time_to_stable_seconds)))
    return found


def _deadlines(release: Release, now: datetime) -> list[str]:
    known = (
        ("may start", release.not_before_at if release.phase == "pending" else None),
        ("soak ends", release.soak_until),
        ("must be promoted by", release.deadline_at if release.phase != "draining" else None),
    )
    return [f"{what} {relative(at, now)} ({instant(at)})" for what, at in known if at is not None and at > now]


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
    head = Text.assemble(verdict(release.verdict), f"  {release.samples} samples, {release.exposed_requests} exposed")
    return [head, *(_judged(each) for each in release.verdicts)]


def _judged(judged: MetricVerdict) -> Text:
    note = " (dry run)" if judged.is_dry_run else ""
    return Text.assemble(verdict(judged.verdict), f"  {judged.metric}{note}: {judged.sentence}")


def _waiting(status: Status) -> list[tuple[str, Cell]]:
    return [("waiting", ", ".join(status.waiting))] if status.waiting else []


def _candidate_weight(release: Release) -> int:
    return release.weights.get(release.version, 0)
