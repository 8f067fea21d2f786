"""Release reports and post-mortems as Markdown, for tickets, wikis and mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from tidegate.controller.reports.wording import cell, duration, exact, instant, words
from tidegate.shapes.incidents import Incident
from tidegate.shapes.operations import Checklist, ReleaseReport, StepCounts
from tidegate.shapes.releases import MetricVerdict, Release

_MARKS = {"done": "x", "open": " ", "failed": " ", "not_needed": "-"}
_STAYS = {"failed": " **failed**", "not_needed": " (not needed)"}


def report_page(report: ReleaseReport) -> str:
    """The whole report of a release."""
    release = report.explanation.release
    lines = [f"# Release {release.id}: {release.version}", "", f"Written {instant(report.written_at)}.", ""]
    lines += [*_facts(release), "", "## In short", "", *(f"- {s.strip()}" for s in report.explanation.summary), ""]
    lines += ["## Evidence", "", *_verdicts(release.verdicts), "", *_counts(report.counts), ""]
    lines += ["## Checklist", "", *checklist_lines(report.checklist), ""]
    lines += ["## What happened", "", *(f"- {cell(sentence)}" for sentence in report.explanation.sentences), ""]
    for incident in report.incidents:
        lines += [f"## Incident {incident.id}", "", *_incident(incident), ""]
    lines += ["## As declared", "", "```json", _json(report.declared), "```"]
    return "\n".join(lines) + "\n"


def incident_page(incident: Incident, release: Release) -> str:
    """A post-mortem to go on writing: what is known stands there, what only people know is asked for."""
    lines = [f"# Incident {incident.id}: {incident.service}", "", *_incident(incident), ""]
    lines += ["## The release, as it is now", "", *_facts(release), "", "## Evidence at that moment", ""]
    lines += [*_verdicts(_frozen_verdicts(incident)), "", "```json", _json(incident.evidence), "```", ""]
    lines += ["## Notes", "", *_notes(incident), ""]
    for asked in ("Cause", "What went well", "What did not", "Actions"):
        lines += [f"## {asked}", "", "_To be written._", ""]
    return "\n".join(lines)


def checklist_lines(checklist: Checklist) -> Iterator[str]:
    """Task lists, one for each time."""
    for when in ("before", "during", "after"):
        yield f"**{when.capitalize()}**"
        yield ""
        for item in checklist.items:
            if item.when == when:
                detail = f": {item.detail}" if item.detail else ""
                yield f"- [{_MARKS[item.standing]}] {item.what}{detail}{_STAYS.get(item.standing, '')}"
        yield ""


def _facts(release: Release) -> Iterator[str]:
    rows = [
        ("service", release.service),
        ("candidate", release.version),
        ("stable", release.stable or "-"),
        ("strategy", release.strategy),
        ("phase", words(release.phase)),
        ("attempt", str(release.attempt)),
        ("submitted", f"{instant(release.created_at)} by {release.actor}{_because(release.reason)}"),
        ("ended", instant(release.ended_at)),
        ("exposed", f"{release.exposed_requests} requests, {release.exposed_units} units"),
        ("to stable", duration(release.time_to_stable_seconds)),
    ]
    yield from _table(("", ""), rows)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _verdicts(verdicts: Sequence[MetricVerdict]) -> Iterator[str]:
    if not verdicts:
        yield "Nothing was judged."
        return
    rows = [
        (
            verdict.metric if verdict.variant == "candidate" else f"{verdict.variant}, {verdict.metric}",
            words(verdict.verdict) + (" (dry run)" if verdict.is_dry_run else ""),
            _number(verdict.estimate),
            _number(verdict.stable_estimate),
            _interval(verdict),
            f"{verdict.samples} / {verdict.stable_samples}",
            verdict.sentence,
        )
        for verdict in verdicts
    ]
    yield from _table(("metric", "verdict", "candidate", "stable", "effect", "units", "in words"), rows)


def _interval(verdict: MetricVerdict) -> str:
    if verdict.effect is None:
        return f"{_number(verdict.lower)} … {_number(verdict.upper)}"
    return f"{_number(verdict.effect)} [{_number(verdict.effect_lower)}, {_number(verdict.effect_upper)}]"


def _counts(counts: Sequence[StepCounts]) -> Iterator[str]:
    if not counts:
        yield "No request was counted."
        return
    rows = [
        (
            str(each.attempt),
            str(each.step + 1),
            str(each.round),
            each.variant,
            str(each.requests),
            str(each.units),
            str(each.failures),
            str(each.rescued),
            duration(each.p95_seconds),
            f"${each.cost_usd:.6f}",
        )
        for each in counts
    ]
    titles = ("attempt", "step", "round", "variant", "requests", "units", "failures", "rescued", "p95", "cost")
    yield from _table(titles, rows)


def _incident(incident: Incident) -> Iterator[str]:
    rows = [
        ("trigger", words(incident.trigger)),
        ("summary", incident.summary),
        ("opened", instant(incident.opened_at)),
        ("closed", instant(incident.closed_at)),
        ("release", f"{incident.release}, attempt {incident.attempt}"),
        ("exposed", f"{incident.exposed_requests} requests, {incident.exposed_units} units"),
        ("time to stable", duration(incident.time_to_stable_seconds)),
    ]
    yield from _table(("", ""), rows)
    if incident.timeline:
        yield ""
        yield from _table(
            ("instant", "after", "what"),
            [
                (exact(moment.at), duration((moment.at - incident.timeline[0].at).total_seconds()), moment.sentence)
                for moment in incident.timeline
            ],
        )


def _notes(incident: Incident) -> Iterator[str]:
    if not incident.notes:
        yield "None yet."
    for note in incident.notes:
        yield f"- {instant(note.at)}, {note.actor}: {cell(note.text)}"


def _frozen_verdicts(incident: Incident) -> list[MetricVerdict]:
    return msgspec.convert(incident.evidence.get("verdicts", []), list[MetricVerdict])


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(cell(part) for part in row)} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
