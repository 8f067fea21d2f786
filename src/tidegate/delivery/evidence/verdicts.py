"""What a release keeps of its evidence: a verdict for each condition, and what was frozen of stable to compare with."""

from __future__ import annotations

import msgspec

from tidegate.delivery.snapshot import CANDIDATE
from tidegate.stats.distribution import Distribution
from tidegate.stats.verdict import Verdict


class MetricVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the evidence says of one guardrail.

    Attributes:
        variant: the arm it speaks of.
        metric: with its statistic, such as ``latency.p95``.
        code: stable reason, see :data:`tidegate.delivery.evidence.analysis.REASONS`.
        sentence: the same for people, with the numbers.
        limit: in the metric's unit.
        estimate: point estimate in the metric's unit, ``None`` without data.
        lower: anytime-valid lower bound of what is compared: of the rate, of the share of requests above
            the limit (quantiles), or of the mean.
        upper: the same from above, ``None`` where only one side is bounded.
        samples: requests it rests on.
        events: of those, the ones that count against the limit.
        is_objective: it must pass before the promotion, and does not act before.
        stable_estimate: stable's, where the arms are compared.
        stable_samples: of stable.
        effect: candidate against stable: parts of one (points) for rates, relative for everything else.
        effect_lower, effect_upper: anytime-valid bounds of the effect.
    """

    metric: str
    verdict: Verdict
    code: str
    sentence: str
    limit: float
    variant: str = CANDIDATE
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    samples: int = 0
    events: int = 0
    is_dry_run: bool = False
    is_objective: bool = False
    stable_estimate: float | None = None
    stable_samples: int = 0
    effect: float | None = None
    effect_lower: float | None = None
    effect_upper: float | None = None


class Baseline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was frozen of stable before it was looked at: a threshold, or the rate of a step that is over.

    Attributes:
        metric: with its statistic.
        variant: the arm that is compared with it.
        value: stable's quantile in the integer unit of the quantity, or a rate.
        candidate, stable: values seen when it was frozen from the same step; they chose it, so they are no evidence.
        candidate_failures, stable_failures: the same of failed requests.
        round: of the step, in which that was; earlier ones are no evidence either.
    """

    metric: str
    value: float
    variant: str = CANDIDATE
    candidate: Distribution = Distribution()
    stable: Distribution = Distribution()
    candidate_failures: int = 0
    stable_failures: int = 0
    round: int = 0
