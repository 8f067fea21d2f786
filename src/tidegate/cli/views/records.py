"""Requests, gateways, keys and the audit log as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from tidegate.cli.output import Cell, fields, table, warning_lines
from tidegate.cli.wording import UNKNOWN, count, dollars, duration, instant, microseconds, moment, plain, share
from tidegate.shapes.records import AuditCheck, AuditRow, Gateway, Key, Keys, NewKey, ServedRequest

_LONGEST_DETAIL = 100
_ENDS = {
    "ok": "It was answered completely",
    "upstream_error": "The provider failed",
    "upstream_rejected": "The provider refused it",
    "rate_limited": "The provider limited the rate",
    "timeout": "The provider took too long",
    "truncated": "The answer broke off",
    "filtered": "A content filter stopped it",
    "refused": "The model declined",
    "cancelled": "The client left before the end",
    "caller_error": "The gateway refused it as wrong",
    "no_version": "The service had no version yet",
    "internal_error": "Tidegate failed",
}


def started_at(request: ServedRequest) -> datetime:
    """When a gateway took it."""
    return datetime.fromtimestamp(request.started_at_us / 1_000_000, UTC)


def requests_table(requests: Sequence[ServedRequest], now: datetime) -> list[Text]:
    """One line for each request, newest first."""
    if not requests:
        return [Text("No requests observed yet.")]
    rows: list[list[Cell]] = [
        [
            request.request_id,
            moment(started_at(request), now),
            request.key or UNKNOWN,
            request.service,
            request.served_version or request.served or UNKNOWN,
            _outcome(request.outcome),
            str(request.status),
            microseconds(request.ttft_us),
            microseconds(request.duration_us),
            count(request.output_tokens),
            dollars(request.cost_nano_usd),
        ]
        for request in requests
    ]
    titles = [
        "request",
        "started",
        "key",
        "service",
        "served by",
        "outcome",
        "status",
        "first token",
        "took",
        "tokens",
        "cost",
    ]
    return table(titles, rows, numbers={6, 7, 8, 9, 10})


def request_lines(request: ServedRequest, now: datetime) -> list[Text]:
    """One request in full."""
    pairs: list[tuple[str, Cell]] = [
        ("started", moment(started_at(request), now)),
        ("service", f"{request.service} ({request.path}{', streamed' if request.stream else ''})"),
        ("key", request.key or UNKNOWN),
        ("assigned", f"{request.variant or UNKNOWN}  {request.version}"),
        ("served by", f"{request.served or UNKNOWN}  {request.served_version}"),
        ("model", request.model or UNKNOWN),
        ("outcome", _outcome(request.outcome)),
        ("status", str(request.status)),
        ("first token", microseconds(request.ttft_us)),
        ("took", microseconds(request.duration_us)),
        ("gateway", f"{microseconds(request.own_us)} before the upstream request"),
        ("tokens", f"{count(request.input_tokens)} in, {count(request.output_tokens)} out"),
        ("cost", dollars(request.cost_nano_usd)),
        ("attempts", f"{request.attempts}, of them {request.fallbacks} elsewhere"),
    ]
    return [Text(request.request_id, style="bold"), *fields(pairs)]


def why_sentences(request: ServedRequest) -> list[str]:
    """Who served a request, and why it was that one."""
    sentences = [f"Service {request.service} took it at {instant(started_at(request))}."]
    if request.version:
        sentences.append(_assignment(request))
    sentences.append(_service_of(request))
    ending = _ENDS.get(request.outcome, request.outcome)
    sentences.append(f"{ending} (status {request.status}, after {microseconds(request.duration_us)}).")
    return sentences


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
            f"{gateway.revision}{'' if gateway.is_current else ' (behind)'}",
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


def keys_table(keys: Sequence[Key], now: datetime) -> list[Text]:
    """One line for each access key."""
    if not keys:
        return [Text("No keys: control answers everybody on this machine.")]
    rows: list[list[Cell]] = [
        [key.name, ", ".join(key.roles), ", ".join(key.services) or "all", key.source, moment(key.created_at, now)]
        for key in keys
    ]
    return table(["key", "roles", "services", "from", "created"], rows)


def new_key_lines(made: NewKey) -> list[Text]:
    """The key, and what follows from it."""
    scope = f" for {', '.join(made.key.services)}" if made.key.services else ""
    lines = [Text(f"Key {made.key.name} ({', '.join(made.key.roles)}{scope}), shown this once:"), Text(made.secret)]
    return lines + warning_lines(made.warnings)


def revoked_lines(name: str, remaining: Keys) -> list[Text]:
    """Which keys are left, and what follows from it."""
    rest = f" Left: {', '.join(key.name for key in remaining.items)}." if remaining.items else ""
    return [Text(f"Key {name} is revoked.{rest}"), *warning_lines(remaining.warnings)]


def _outcome(word: str) -> Text:
    shown = word.replace("_", " ")
    return Text(f"✔ {shown}", style="green") if word == "ok" else Text(f"✖ {shown}", style="red")


def _assignment(request: ServedRequest) -> str:
    if not request.release:
        return f"No release was running, so it was assigned to {request.version}."
    chance = share(request.propensity)
    return (
        f"Release {request.release} (step {request.step}, attempt {request.attempt}, revision {request.revision}) gave "
        f"{chance} of the units to {request.variant}, and this unit's hash {request.unit_hash:016x} fell into it: "
        f"{request.version}."
    )


def _service_of(request: ServedRequest) -> str:
    if not request.served:
        return "Nobody answered it."
    if request.served == request.variant:
        return f"{request.served_version or request.version} answered, with model {request.model or 'unknown'}."
    failed = _ENDS.get(request.assigned_outcome, request.assigned_outcome)
    who = f"{request.served} ({request.served_version})" if request.served_version else request.served
    return f"{failed} on the first attempt, so {who} answered instead, with model {request.model or 'unknown'}."


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
