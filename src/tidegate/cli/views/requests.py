"""Requests and what was said of them, as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from tidegate.cli.output import Cell, fields, table
from tidegate.cli.wording import UNKNOWN, count, dollars, instant, microseconds, moment, share
from tidegate.delivery.attempts import Attempt, attempts_of
from tidegate.delivery.observation import perplexity_of
from tidegate.shapes.judges import Judge
from tidegate.shapes.requests import RequestDetail, SaidFeedback, ServedRequest

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
_WHOLE = 10_000  # basis points


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


def request_lines(request: RequestDetail, now: datetime) -> list[Text]:
    """One request in full, with what was said of it and what is kept of it."""
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
    if (perplexity := perplexity_of(request)) is not None:
        pairs.append(("perplexity", f"{perplexity:.3g} over {request.surprisal_tokens} tokens"))
    attempts = attempts_of(request) if request.attempts > 1 else []
    pairs += [(f"attempt {number}", _attempt(each)) for number, each in enumerate(attempts, start=1)]
    pairs += [("feedback", _said(said)) for said in request.feedback]
    pairs += [(f"judge {said.judge}", f"{said.score:.2f} for {said.variant}") for said in request.judgements]
    return [Text(request.request_id, style="bold"), *fields(pairs), *_content(request)]


def feedback_table(feedback: Sequence[SaidFeedback], now: datetime) -> list[Text]:
    """One line for each verdict, newest first."""
    if not feedback:
        return [Text("Nobody has said anything yet.")]
    rows: list[list[Cell]] = [
        [
            moment(said.at, now),
            said.request_id or UNKNOWN,
            said.service or UNKNOWN,
            said.name,
            _value(said),
            said.source,
            said.standing,
            said.variant or UNKNOWN,
            said.served_version or UNKNOWN,
            said.comment,
        ]
        for said in feedback
    ]
    titles = ["at", "request", "service", "name", "value", "source", "standing", "variant", "served by", "comment"]
    return table(titles, rows)


def judges_table(judges: Sequence[Judge]) -> list[Text]:
    """One line for each judge."""
    if not judges:
        return [Text("No judge is declared.")]
    rows: list[list[Cell]] = [
        [
            judge.name,
            str(judge.spec["service"]),
            str(judge.spec.get("mode", "score")),
            str(judge.judged),
            _number(judge.mean),
            _number(judge.calibration.kappa if judge.calibration else None),
            _number(judge.position_bias),
            f"${judge.spent_usd:.4f}",
            str(judge.failed),
            judge.problem,
        ]
        for judge in judges
    ]
    titles = ["judge", "service", "mode", "judged", "mean", "kappa", "first place", "today", "failed", "problem"]
    return table(titles, rows, numbers={3, 4, 5, 6, 7, 8})


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


def _attempt(each: Attempt) -> str:
    span = f"from {microseconds(each.began_us)}, for {microseconds(each.ended_us - each.began_us)}"
    return f"{each.deployment}  {each.outcome.replace('_', ' ') or 'answered'}  {span}"


def _said(said: SaidFeedback) -> str:
    words = f" “{said.comment}”" if said.comment else ""
    return f"{said.name} {_value(said)} by {said.source} ({said.standing}){words}"


def _value(said: SaidFeedback) -> str:
    if isinstance(said.value, bool):
        return "yes" if said.value else "no"
    return UNKNOWN if said.value is None else f"{said.value:g}" if isinstance(said.value, float) else str(said.value)


def _content(request: RequestDetail) -> list[Text]:
    kept = request.content
    if kept is None:
        hidden = Text("Its prompt and answer are kept; a key with the role operator sees them.", style="dim")
        return [hidden] if request.is_content_hidden else []
    turns = [Text.assemble((f"{turn.role or 'user'}: ", "bold"), turn.text) for turn in kept.prompt]
    answer = Text.assemble(("answer: ", "bold green"), kept.answer or UNKNOWN)
    notes = [word for word, holds in (("redacted", kept.is_redacted), ("cut", kept.is_cut)) if holds]
    mirrored = [Text.assemble(("candidate: ", "bold yellow"), request.mirrored.answer)] if request.mirrored else []
    return [Text(), *turns, answer, *mirrored, *([Text(f"({', '.join(notes)})", style="dim")] if notes else [])]


def why_sentences(request: ServedRequest) -> list[str]:
    """Who served a request, and why it was that one."""
    sentences = [f"Service {request.service} took it at {instant(started_at(request))}."]
    if request.version:
        sentences.append(_assignment(request))
    sentences.append(_service_of(request))
    ending = _ENDS.get(request.outcome, request.outcome)
    sentences.append(f"{ending} (status {request.status}, after {microseconds(request.duration_us)}).")
    return sentences


def _assignment(request: ServedRequest) -> str:
    if not request.release:
        return f"No release was running, so it was assigned to {request.version}."
    if request.propensity == _WHOLE:
        return (
            f"Release {request.release} (step {request.step}, attempt {request.attempt}, revision {request.revision}) left "
            f"no choice: all units went to {request.variant} ({request.version}), or its conversation had begun there."
        )
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


def _outcome(word: str) -> Text:
    shown = word.replace("_", " ")
    return Text(f"✔ {shown}", style="green") if word == "ok" else Text(f"✖ {shown}", style="red")
