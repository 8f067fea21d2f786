"""A schedule for a target: which steps, and how long, to find a given harm with a given confidence.

The last step (50/50 unless capped) decides; the ones before keep the blast radius small while they gather
``min_samples``, each with a tenth of the time or what its samples need, whichever is longer.
"""

from __future__ import annotations

import math
import re

import msgspec

from tidegate.delivery.evidence.measures import QUANTILES, Rate
from tidegate.delivery.evidence.metrics import METRICS
from tidegate.delivery.planning.expected import Expectation, ExpectedMean
from tidegate.delivery.planning.forecast import Forecast
from tidegate.delivery.planning.planned import Proposal, ProposedStep
from tidegate.delivery.planning.power import smallest_change
from tidegate.delivery.planning.questions import Question, question
from tidegate.delivery.quantities import Change
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.errors import InvalidInputError
from tidegate.stats.planning.sample_size import SEQUENTIAL_CAP

_TARGET = re.compile(
    r"(?:(?P<metric>[a-z_]+)(?:\.(?P<stat>mean|p\d\d))?|(?P<quantile>p\d\d))\s*\+\s*(?P<amount>[\d.]+)\s*%"
)
_RAMP = (0.01, 0.05, 0.25)
_MOST_DOUBLINGS = 8


class SoughtHarm(msgspec.Struct, frozen=True, kw_only=True):
    """A harm to be found.

    Attributes:
        guardrail: the comparison without tolerance that looks for it.
        change: relative; of a rate too (``error_rate +1%`` is one point, so relative to stable's rate).
        text: as asked.
    """

    guardrail: GuardrailSpec
    change: float
    text: str


def parse_target(text: str, expected: Expectation) -> SoughtHarm:
    """``p95 +10%`` (of latency), ``ttft.p95 +15%``, ``cost_per_request +10%``, ``error_rate +1%`` (points).

    Raises:
        InvalidInputError: another form, or a metric nobody knows.
    """
    match = _TARGET.fullmatch(text.strip())
    if match is None:
        raise InvalidInputError(
            f"{text!r} is not a harm to detect", where="detect", remedy='write "p95 +10%" or "error_rate +1%"'
        )
    name = match["metric"] or "latency"
    stat = match["quantile"] or match["stat"]
    plannable = [each for each, known in expected.metrics.items() if not isinstance(known, ExpectedMean)]
    if name not in plannable or name not in METRICS:
        raise InvalidInputError(
            f"there is no metric {name!r} that can be planned",
            where="detect",
            remedy=f"known ones: {', '.join(sorted(plannable))}",
        )
    metric, amount = METRICS[name].measure, float(match["amount"]) / 100
    if isinstance(metric, Rate):
        if stat:
            raise InvalidInputError(f"{name} is a rate and has no {stat}", where="detect", remedy=f'write "{name} +1%"')
        rate = expected.metrics[name].rate  # type: ignore[union-attr]
        change, stat = amount / rate, None
    else:
        stat = stat or ("mean" if name in {"cost_per_request", "output_tokens"} else "p95")
        if stat != "mean" and stat not in QUANTILES:
            raise InvalidInputError(
                f"there is no {stat}", where="detect", remedy=f"known: {', '.join(QUANTILES)}, mean"
            )
        change = amount
    if not change > 0:
        raise InvalidInputError(f"{text!r} is no harm", where="detect", remedy="ask for more than 0 %")
    guardrail = GuardrailSpec(metric=name, stat=stat, max_increase=Change(0))  # type: ignore[arg-type]
    return SoughtHarm(guardrail=guardrail, change=change, text=text.strip())


def propose(
    target: SoughtHarm,
    expected: Expectation,
    traffic: Forecast,
    *,
    start: float,
    confidence: float = 0.95,
    power: float = 0.8,
    within: float | None = None,
    least: int = 200,
    final_share: float = 0.5,
) -> Proposal:
    """A canary that finds the target.

    Args:
        target: from :func:`parse_target`.
        expected: of stable.
        traffic: of the service.
        start: seconds of the day (UTC).
        confidence: 1 - alpha, of the deciding step.
        power: with which the harm is found if it is there.
        within: seconds there are.
        least: units that each arm needs in each step.
        final_share: of the candidate in the deciding step.

    Raises:
        InvalidInputError: confidence, power or share out of range, or no number of requests finds the harm.
    """
    for name, value in (("confidence", confidence), ("power", power)):
        if not 0.5 <= value < 1:
            raise InvalidInputError(f"a {name} of {value:g} makes no sense", where=name, remedy="write 95% or 0.95")
    asked = question(
        target.guardrail, expected, final_share, alpha=1 - confidence, pass_alpha=1 - confidence, least=least
    )
    assert asked is not None
    fixed = asked.fixed(target.change, power)
    cap, stop = _sequential(asked, target, fixed, power)
    per_unit = expected.requests_per_unit
    steps = _schedule(traffic, start, cap * per_unit, least * per_unit, final_share)
    total = sum(step.soak_seconds for step in steps)
    lead = total - steps[-1].soak_seconds
    smallest = None
    if within is not None and within > lead:
        units = traffic.requests((start + lead) % 86_400, within - lead) / per_unit
        found = smallest_change(asked, units, power)
        smallest = found if math.isfinite(found) else None
    return Proposal(
        target=target.text,
        confidence=confidence,
        power=power,
        fixed_requests=fixed * per_unit,
        expected_requests=stop * per_unit,
        cap_requests=cap * per_unit,
        steps=tuple(steps),
        seconds=total if math.isfinite(total) else None,
        fits=within is None or total <= within,
        detectable_within=smallest,
        strategy={"canary": {"steps": [_declared(step) for step in steps]}},
    )


def _sequential(asked: Question, target: SoughtHarm, fixed: float, power: float) -> tuple[float, float]:
    """(units with which the harm is found with ``power``, units at the mean stop)."""
    most = fixed * SEQUENTIAL_CAP
    for _ in range(_MOST_DOUBLINGS if math.isfinite(fixed) else 0):
        found = asked.fails(target.change, most)
        cap = found.needed(power)
        if math.isfinite(cap) and cap <= most:
            return cap, asked.fails(target.change, cap).expected()
        most *= 2
    raise InvalidInputError(
        f"no number of requests finds {target.text}",
        where="detect",
        remedy="ask for a larger harm, or a quantile that is no failure",
    )


def _schedule(
    traffic: Forecast, start: float, deciding: float, samples: float, final_share: float
) -> list[ProposedStep]:
    clock, found = start, []
    for share in (*(share for share in _RAMP if share < final_share), final_share):
        needed = samples / share
        if share == final_share:
            needed = max(deciding, samples / min(share, 1 - share))
        soak = traffic.seconds_for(needed, clock % 86_400)
        rounded = math.ceil(soak / 60) * 60 if math.isfinite(soak) else soak
        found.append(ProposedStep(share=share, soak_seconds=rounded, requests=needed))
        clock += rounded if math.isfinite(rounded) else 0.0
    return found


def _declared(step: ProposedStep) -> dict[str, str]:
    minutes = 0 if math.isinf(step.soak_seconds) else round(step.soak_seconds / 60)
    return {"split": f"{step.share * 100:g}%", "soak": f"{minutes}m"}
