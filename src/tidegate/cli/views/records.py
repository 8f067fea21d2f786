"""Requests, gateways, keys and the audit log as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, table, warning_lines
from tidegate.cli.wording import duration, moment, plain
from tidegate.shapes.audit import AuditCheck, AuditRow
from tidegate.shapes.gateways import Gateway
from tidegate.shapes.keys import Key, Keys, NewKey
from tidegate.shapes.metrics import Metrics

_LONGEST_DETAIL = 100


def audit_table(rows: Sequence[AuditRow], now: datetime) -> list[Text]:
    """One line for each change, newest first."""
    if not rows:
        return [Text("Nothing has happened yet.")]
    shown: list[list[Cell]] = [
        [str(row.seq), moment(row.at, now), row.actor, row.action, row.subject, _detail(row), row.hash[:12]]
        for row in rows
    ]
    return table(["no", "at", "by", "what", "on", "detail", "hash"], shown, numbers={0})


def audit_check_lines(found: AuditCheck) -> list[Text]:
    """Whether the chain is whole."""
    head = f"{found.rows} rows, head {found.head_seq} {found.head_hash}"
    if found.is_whole:
        return [Text.assemble(("✔ ", "green"), f"The audit log is whole: {head}")]
    where = "" if found.broken_seq is None else f" at row {found.broken_seq}"
    return [Text.assemble(("✖ ", "bold red"), f"The audit log was altered{where}: {found.reason} ({head})")]


def gateways_table(gateways: Sequence[Gateway]) -> list[Text]:
    """One line for each gateway."""
    if not gateways:
        return [Text("No gateway has been heard of yet.")]
    rows: list[list[Cell]] = [
        [
            gateway.id,
            gateway.address,
            Text("✔ live", style="green") if gateway.is_live else Text("✖ silent", style="red"),
            f"{gateway.revision}{f' ({gateway.behind} behind)' if gateway.behind else ''}",
            f"{duration(gateway.silent_seconds)} ago",
            str(sum(gateway.in_flight.values())),
            _breakers(gateway),
            str(gateway.dropped),
            gateway.build,
        ]
        for gateway in gateways
    ]
    titles = ["gateway", "address", "state", "revision", "heard", "in flight", "breakers", "lost", "build"]
    return table(titles, rows, numbers={3, 5, 7})


def metrics_table(found: Metrics) -> list[Text]:
    """One line for each metric, and the kinds of sources."""
    ways = {"increase": "more", "decrease": "less", "change": "either"}
    rows: list[list[Cell]] = [
        [row.name, row.kind, row.unit, ways[row.harm], row.stat or "", row.meaning] for row in found.items
    ]
    other = Text(f"Any other number may come from a source: {', '.join(found.sources)}.")
    return [*table(["metric", "kind", "unit", "harm", "of", "what it is"], rows), Text(""), other]


def keys_table(keys: Sequence[Key], now: datetime) -> list[Text]:
    """One line for each access key."""
    if not keys:
        return [Text("No keys: control answers everybody on this machine.")]
    rows: list[list[Cell]] = [
        [
            key.name,
            ", ".join(key.roles),
            ", ".join(key.services) or "all",
            _limits(key),
            _use(key),
            key.source,
            moment(key.created_at, now),
        ]
        for key in keys
    ]
    return table(["key", "roles", "services", "limits", "used", "from", "created"], rows)


def _limits(key: Key) -> str:
    limits = key.limits
    if limits is None:
        return "none"
    counts = (
        (limits.requests_per_minute, "requests/min"),
        (limits.tokens_per_minute, "tokens/min"),
        (limits.concurrent, "at once"),
    )
    return ", ".join([*(f"{count:,} {unit}" for count, unit in counts if count), *limits.budget])


def _use(key: Key) -> str:
    """Today; and the month where a budget looks at it."""
    use = key.use
    parts = [f"{use.requests_today:,} requests, ${use.spent_today_usd:,.2f} today"]
    if key.limits is not None and any("month" in budget for budget in key.limits.budget):
        parts.append(f"${use.spent_this_month_usd:,.2f} this month")
    if use.reserved_usd:
        parts.append(f"${use.reserved_usd:,.2f} reserved")
    return ", ".join(parts)


def new_key_lines(made: NewKey) -> list[Text]:
    """The key, and what follows from it."""
    scope = f" for {', '.join(made.key.services)}" if made.key.services else ""
    lines = [Text(f"Key {made.key.name} ({', '.join(made.key.roles)}{scope}), shown this once:"), Text(made.secret)]
    return lines + warning_lines(made.warnings)


def revoked_lines(name: str, remaining: Keys) -> list[Text]:
    """Which keys are left, and what follows from it."""
    rest = f" Left: {', '.join(key.name for key in remaining.items)}." if remaining.items else ""
    return [Text(f"Key {name} is revoked.{rest}"), *warning_lines(remaining.warnings)]


def _breakers(gateway: Gateway) -> Text:
    bad = [f"{each.deployment} {each.state}" for each in gateway.breakers if each.state != "admitting"]
    bad += [f"{each.service} {each.variant} cut off" for each in gateway.cutoffs]
    return Text(", ".join(bad), style="red") if bad else Text("all admitting", style="dim")


def _detail(row: AuditRow) -> str:
    """The sentence where there is one, else what was noted; never so long that the table falls apart."""
    sentence = row.detail.get("sentence")
    noted = (f"{key}={plain(value)}" for key, value in row.detail.items() if value not in ("", None, [], {}))
    shown = sentence if isinstance(sentence, str) and sentence else ", ".join(noted)
    return shown if len(shown) <= _LONGEST_DETAIL else f"{shown[:_LONGEST_DETAIL]}…"
