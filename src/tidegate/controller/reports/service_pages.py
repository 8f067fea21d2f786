"""The report of a service as Markdown, for tickets and mail, and as one HTML page with its pictures inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from html import escape

from tidegate.controller.reports.pictures import Axis, lines, stacked
from tidegate.controller.reports.wording import cell, duration, instant, words
from tidegate.shapes.reports import OpinionTotals, ServiceReport, VersionDrift, VersionTotals
from tidegate.shapes.traffic import TrafficPoint

_Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]  # heading, titles, rows
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2429}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dee3;font-variant-numeric:tabular-nums}"
    "h2:first-of-type{margin-top:1.2rem}.wide{overflow-x:auto}td,th{white-space:nowrap}td:nth-child(3){white-space:normal}"
    "th{color:#5c6770;font-weight:500;font-size:.85em}svg{width:100%;height:auto;color:#5c6770}svg line{stroke:#d9dee3}"
    "p.lead{color:#5c6770}@media(max-width:40rem){figure svg{min-width:34rem}}figure{margin:0;overflow-x:auto}"
    "@media(prefers-color-scheme:dark){body{background:#14181b;color:#e6eaed}td,th{border-color:#333b41}"
    "svg line{stroke:#333b41}svg,th,p.lead{color:#a3afb9}}"
)


def markdown(report: ServiceReport) -> str:
    """Tables and sentences; pictures are left to the HTML page."""
    parts = [f"# {report.service}, {_span(report)}", "", _lead(report), ""]
    for heading, titles, rows in _tables(report):
        parts += [f"## {heading}", "", *_markdown_table(titles, rows), ""]
    return "\n".join(parts)


def html(report: ServiceReport) -> str:
    """A page of its own: no script, nothing to fetch."""
    title = escape(f"{report.service}, {_span(report)}")
    pictures = "".join(
        f"<h2>{escape(heading)}</h2><figure>{picture}</figure>" for heading, picture in _pictures(report)
    )
    tables = "".join(_html_table(*table) for table in _tables(report))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body><h1>{title}</h1>'
        f'<p class="lead">{escape(_lead(report))}</p>{pictures}{tables}</body></html>\n'
    )


def _span(report: ServiceReport) -> str:
    return f"{instant(report.since)} to {instant(report.until)}"


def _lead(report: ServiceReport) -> str:
    total = report.total
    if not total.requests:
        return f"No request in this time. Stable is {report.stable or 'nothing yet'}."
    cost = "cost unknown" if total.cost_usd is None else f"{total.cost_usd:,.2f} USD"
    return (
        f"{total.requests:,} requests, {_share(total.failures, total.requests)} failed for their users, {cost}, "
        f"{total.input_tokens + total.output_tokens:,} tokens; {_counted(len(report.releases), 'release')}, "
        f"{_counted(len(report.incidents), 'incident')}. Stable is {report.stable or 'nothing yet'}."
    )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _tables(report: ServiceReport) -> Iterator[_Table]:
    titles = ("version", "requests", "failed", "rescued", "refused", "truncated", "tokens", "cost", "ttft p95", "p95")
    yield "Versions", titles, [_version_row(each) for each in (*report.versions, report.total)]
    yield (
        "Quality, as users said it",
        ("version", "feedback", "verdicts", "value"),
        [_opinion_row(each) for each in report.opinions],
    )
    yield (
        "Releases",
        ("begun", "version", "strategy", "ended", "exposed", "verdict"),
        [
            (
                instant(each.created_at),
                _short(each.version),
                each.strategy,
                words(each.phase),
                f"{each.exposed_requests:,}",
                words(each.verdict or "-"),
            )
            for each in report.releases
        ],
    )
    yield (
        "Incidents",
        ("opened", "trigger", "what", "exposed", "to stable"),
        [
            (
                instant(each.opened_at),
                words(each.trigger),
                each.summary,
                f"{each.exposed_requests:,}",
                duration(each.time_to_stable_seconds),
            )
            for each in report.incidents
        ],
    )
    yield (
        "Behaviour now against the version's first day",
        ("version", "signal", "first day", "now", "stability index", "change"),
        [row for each in report.drift.versions for row in _drift_rows(each)],
    )


def _opinion_row(each: OpinionTotals) -> tuple[str, ...]:
    value = f"{each.value * 100:.3g} %" if each.is_share else f"{each.value:.3g}"
    return (_short(each.version), each.name, f"{each.verdicts:,}", value)


def _version_row(each: VersionTotals) -> tuple[str, ...]:
    return (
        _short(each.version) or "all",
        f"{each.requests:,}",
        _share(each.failures, each.requests),
        f"{each.rescued:,}",
        f"{each.refused:,}",
        f"{each.truncated:,}",
        f"{each.input_tokens + each.output_tokens:,}",
        "-" if each.cost_usd is None else f"{each.cost_usd:,.4f} USD",
        duration(each.ttft_p95_seconds),
        duration(each.latency_p95_seconds),
    )


def _drift_rows(each: VersionDrift) -> Iterator[tuple[str, ...]]:
    if not each.is_first_over:
        yield (_short(each.version), "all", "-", "-", "-", f"its first day lasts until {instant(each.first_until)}")
        return
    for signal in each.signals:
        if not (signal.first_count or signal.now_count):
            continue
        index = "-" if signal.degree == "unknown" else f"{signal.index:.3f}"
        degree = "too few values" if signal.degree == "unknown" else signal.degree
        name = f"{words(signal.signal)}, median"
        yield (_short(each.version), name, _plain(signal.first_median), _plain(signal.now_median), index, degree)
    for rate in each.rates:
        yield (_short(each.version), words(rate.signal), _percent(rate.first), _percent(rate.now), "-", "-")


def _pictures(report: ServiceReport) -> Iterator[tuple[str, str]]:
    step = timedelta(seconds=report.traffic.step_seconds)
    axis = Axis(report.traffic.since, report.traffic.until, step)
    seconds = step.total_seconds()
    yield (
        "Requests per second by version",
        stacked("Requests per second by version", axis, _summed(report, axis, lambda p: p.requests / seconds)),
    )
    yield (
        "Time to first token, p95",
        lines("Time to first token, p95", axis, _latest(report, axis, lambda p: p.ttft_p95_seconds), " s"),
    )
    yield (
        "Failed requests",
        lines(
            "Failed requests, per cent",
            axis,
            _latest(report, axis, lambda p: 100 * p.failures / p.requests if p.requests else None),
            " %",
        ),
    )
    costs = _summed(report, axis, lambda p: (p.cost_usd or 0.0) * 3600 / seconds)
    yield "Cost per hour", stacked("Cost per hour in US dollars", axis, costs, " $")


def _summed(report: ServiceReport, axis: Axis, value: Callable[[TrafficPoint], float]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for series in report.traffic.series:
        row = found.setdefault(_short(series.version) or "none", [0.0] * len(axis.starts))
        for point in series.points:
            row[axis.place(point.at)] += value(point)
    return found


def _latest(
    report: ServiceReport, axis: Axis, value: Callable[[TrafficPoint], float | None]
) -> dict[str, list[float | None]]:
    """Of several arms of one version in one step, the one with more requests is shown."""
    found: dict[str, list[float | None]] = {}
    weights: dict[tuple[str, int], int] = {}
    for series in report.traffic.series:
        name = _short(series.version) or "none"
        row = found.setdefault(name, [None] * len(axis.starts))
        for point in series.points:
            place = axis.place(point.at)
            if point.requests >= weights.get((name, place), 0):
                weights[name, place], row[place] = point.requests, value(point)
    return found


def _markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    rows = list(rows)
    if not rows:
        yield "None."
        return
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(cell(part) for part in row)} |"


def _html_table(heading: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return f"<h2>{escape(heading)}</h2><p>None.</p>"
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(f'<td>{escape(part)}</td>' for part in row)}</tr>" for row in rows)
    return f'<h2>{escape(heading)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _short(reference: str) -> str:
    return reference.rpartition("/")[2]


def _share(part: int, whole: int) -> str:
    return _percent(part / whole if whole else None)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.2f}".rstrip("0").rstrip(".") + " %"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
