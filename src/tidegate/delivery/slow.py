"""From which age a request counts as slow before it has ended.

A slow request arrives late in the counts, so a version whose slow requests are still open would look quick, and one
that hangs would look as if nothing had happened. Gateways therefore report a request once its age passes a threshold
that something is judged by: of stable what was frozen of it, of an arm on trial that with its tolerance, and hard
limits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tidegate.delivery.evidence.measures import Quantity
from tidegate.delivery.evidence.metrics import METRICS, metric_name
from tidegate.delivery.release import STABLE, Phase, ReleaseState
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.delivery.snapshot import SlowAfter

_TIMES = frozenset({"latency", "ttft"})
_WATCHED = frozenset({Phase.PROGRESSING, Phase.PROMOTING, Phase.DRAINING})
_BEYOND = 1.03  # more than the width of a histogram's bucket, so that the age surely lies above the threshold


def slow_after(spec: ReleaseSpec, state: ReleaseState) -> SlowAfter | None:
    """The ages of a running release's requests at which gateways report them; ``None`` without any."""
    if state.phase not in _WATCHED:
        return None
    ages: dict[str, defaultdict[str, set[int]]] = {name: defaultdict(set) for name in _TIMES}
    frozen: defaultdict[str, list[float]] = defaultdict(list)
    for baseline in state.baselines:
        frozen[baseline.metric].append(baseline.value)
    for guardrail in (*spec.guardrails, *spec.objectives):
        if guardrail.metric in _TIMES and guardrail.source is None and guardrail.stat != "mean":
            for variant, threshold in _thresholds(guardrail, frozen[metric_name(guardrail)], state):
                ages[guardrail.metric][variant].add(round(threshold * _BEYOND))
    if not any(ages.values()):
        return None
    latency, ttft = (
        {variant: tuple(sorted(found)) for variant, found in ages[name].items()} for name in ("latency", "ttft")
    )
    return SlowAfter(release=state.id, attempt=state.attempt, step=state.step, latency_us=latency, ttft_us=ttft)


def _thresholds(guardrail: GuardrailSpec, frozen: Iterable[float], state: ReleaseState) -> Iterable[tuple[str, float]]:
    measure = METRICS[guardrail.metric].measure
    assert isinstance(measure, Quantity)
    margins = [m for m in (guardrail.max_increase, guardrail.max_change) if m is not None]
    for value in frozen:
        yield STABLE, value
        yield from ((arm, value * (1 + margin)) for arm in state.arms for margin in margins)
    if guardrail.hard is not None:
        yield from ((variant, guardrail.hard.value * measure.scale) for variant in (STABLE, *state.arms))
