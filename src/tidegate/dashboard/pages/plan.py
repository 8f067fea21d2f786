"""What a release would take and could detect, before anything moves."""

from __future__ import annotations

from typing import Any

from tidegate.dashboard.charts.ramp import power_curve, ramp
from tidegate.dashboard.looking import Context, Look, Page
from tidegate.documents import parse_document
from tidegate.errors import InvalidInputError, TidegateError

_LONGEST_SPEC = 20_000
EXAMPLE = """\
strategy:
  canary:
    steps:
      - {split: 5%, soak: 1h}
      - {split: 25%, soak: 4h}
      - {split: 50%, soak: 8h}
guardrails:
  - {metric: error_rate, max_increase: 1%, hard: "> 10%"}
  - {metric: ttft, stat: p95, max_increase: 20%}
  - {metric: cost_per_request, max_increase: 10%}
"""


async def gather(look: Look) -> Context:
    """The form, and the plan of what it asks for; a mistake in it is told beside it."""
    asked = {name: look.query.get(name, "").strip() for name in ("service", "version", "requests_per_hour", "detect")}
    spec = look.query.get("spec", EXAMPLE)[:_LONGEST_SPEC]
    shown: Context = {"asked": asked, "spec": spec, "plan": None, "mistake": None, "ramp": None, "power": None}
    if not (asked["service"] and asked["version"]):
        return shown
    try:
        wanted = _wanted(asked, spec)
        planned = await look.ask.plan(**wanted, detect=asked["detect"] or None)
    except TidegateError as mistake:
        return {**shown, "mistake": mistake}
    plan = planned.plan
    drawn = {"ramp": ramp(plan), "power": power_curve(plan)}
    return {**shown, "plan": plan, "proposal": planned.proposal, **drawn}


def _wanted(asked: dict[str, str], spec: str) -> dict[str, Any]:
    declared = parse_document(spec, "release").value
    if not isinstance(declared, dict):
        raise InvalidInputError("the release is not a mapping", where="release", remedy="begin with strategy:")
    rate = asked["requests_per_hour"]
    try:
        assume = {"requests_per_hour": float(rate)} if rate else None
    except ValueError as error:
        raise InvalidInputError(f"{rate!r} is no number of requests an hour", where="requests per hour") from error
    named = {name: asked[name] for name in ("service", "version")}
    declared = {name: value for name, value in declared.items() if name not in {"kind", "service", "version"}}
    return {**named, "spec": declared, "assume": assume}


PAGE = Page(address="/plan", template="plan.html", gather=gather)
