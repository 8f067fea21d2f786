"""Inference for releases and experiments: numbers in, verdicts out; no I/O, no clock, no hidden randomness.

    >>> import tidegate.stats as ts
    >>> ts.rate_bounds(3, 400, alpha=0.05)[1] < 0.03
    True

Everything here can be used alone. What is valid at every look stands first, in modules of this package; what is for
one look in ``fixed_horizon``; allocations that learn in ``adaptive``; sizes and power in ``planning``. Names are
fetched on first use: the methods that a controller evaluates all day need neither numpy nor scipy, the others do.

Integers in, so that any split of a stream gives bit-identical answers: see :mod:`tidegate.stats.summaries`.
"""

# ruff: noqa: F401 - what type checkers see of PUBLIC; a test holds the two equal

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.stats.adaptive.best_arm import best_of_means, best_of_rates
    from tidegate.stats.adaptive.contrast import Contest, Contrast, Side, contrast
    from tidegate.stats.adaptive.posteriors import MeanPosteriors, RatePosteriors, mean_posteriors, rate_posteriors
    from tidegate.stats.adaptive.thompson import beta_draws, normal_draws, thompson, top_two, top_two_shares
    from tidegate.stats.adaptive.track_and_stop import (
        characteristic_time,
        optimal_shares,
        stopping,
        tracking_shares,
    )
    from tidegate.stats.adaptive.weighting import ArmValue, Epoch, arm_value
    from tidegate.stats.arm_prediction import (
        Stratum,
        log_evidence_of_difference,
        log_evidence_of_frequent_harm,
        log_evidence_of_harm,
        log_evidence_of_safety,
        log_ratio_interval,
    )
    from tidegate.stats.asymptotic import Effect, Pair, critical, difference_of_means, log_ratio_of_means
    from tidegate.stats.bernoulli import bounds as rate_bounds
    from tidegate.stats.betting import bounds as score_bounds
    from tidegate.stats.betting import log_evidence_above, log_evidence_below
    from tidegate.stats.bradley_terry import Ranking, log_strengths, rank
    from tidegate.stats.comparison import Tail, difference_of_rates, judge_harm, log_ratio_of_quantiles
    from tidegate.stats.distribution import Distribution
    from tidegate.stats.fixed_horizon.finding import Finding
    from tidegate.stats.fixed_horizon.group_sequential import (
        boundaries,
        crossing_probabilities,
        obrien_fleming,
        pocock,
    )
    from tidegate.stats.fixed_horizon.multiple import benjamini_hochberg, holm
    from tidegate.stats.fixed_horizon.two_samples import (
        cuped,
        difference_of_ratios,
        mann_whitney,
        two_proportion_z,
        welch_t,
        wilson,
    )
    from tidegate.stats.paired import Differences
    from tidegate.stats.paired import interval as paired_interval
    from tidegate.stats.paired import log_evidence_of_decrease as log_evidence_of_paired_decrease
    from tidegate.stats.paired import log_evidence_of_increase as log_evidence_of_paired_increase
    from tidegate.stats.planning.sample_size import (
        design_effect,
        detectable_mean,
        detectable_proportion,
        for_means,
        for_proportions,
        for_quantile,
        information,
    )
    from tidegate.stats.planning.sequential_power import by_events, by_z
    from tidegate.stats.preference import (
        Preferences,
        log_evidence_of_better,
        log_evidence_of_win_rate_above,
        log_evidence_of_win_rate_below,
        log_evidence_of_worse,
        win_rate_interval,
    )
    from tidegate.stats.ratio import Ratio, log_ratio_of_ratios
    from tidegate.stats.sample_ratio import chi_squared, log_mismatch, log_mismatch_of_rounds
    from tidegate.stats.summaries import Covaried, Events, Moments
    from tidegate.stats.verdict import Verdict, worst

_PLACES: dict[str, tuple[str, ...]] = {
    "adaptive.best_arm": ("best_of_means", "best_of_rates"),
    "adaptive.contrast": ("Contest", "Contrast", "Side", "contrast"),
    "adaptive.posteriors": ("MeanPosteriors", "RatePosteriors", "mean_posteriors", "rate_posteriors"),
    "adaptive.thompson": ("beta_draws", "normal_draws", "thompson", "top_two", "top_two_shares"),
    "adaptive.track_and_stop": ("characteristic_time", "optimal_shares", "stopping", "tracking_shares"),
    "adaptive.weighting": ("ArmValue", "Epoch", "arm_value"),
    "arm_prediction": (
        "Stratum",
        "log_evidence_of_difference",
        "log_evidence_of_frequent_harm",
        "log_evidence_of_harm",
        "log_evidence_of_safety",
        "log_ratio_interval",
    ),
    "asymptotic": ("Effect", "Pair", "critical", "difference_of_means", "log_ratio_of_means"),
    "bernoulli": ("rate_bounds=bounds",),
    "betting": ("score_bounds=bounds", "log_evidence_above", "log_evidence_below"),
    "bradley_terry": ("Ranking", "log_strengths", "rank"),
    "comparison": ("Tail", "difference_of_rates", "judge_harm", "log_ratio_of_quantiles"),
    "distribution": ("Distribution",),
    "fixed_horizon.finding": ("Finding",),
    "fixed_horizon.group_sequential": ("boundaries", "crossing_probabilities", "obrien_fleming", "pocock"),
    "fixed_horizon.multiple": ("benjamini_hochberg", "holm"),
    "fixed_horizon.two_samples": (
        "cuped",
        "difference_of_ratios",
        "mann_whitney",
        "two_proportion_z",
        "welch_t",
        "wilson",
    ),
    "paired": (
        "Differences",
        "paired_interval=interval",
        "log_evidence_of_paired_decrease=log_evidence_of_decrease",
        "log_evidence_of_paired_increase=log_evidence_of_increase",
    ),
    "planning.sample_size": (
        "design_effect",
        "detectable_mean",
        "detectable_proportion",
        "for_means",
        "for_proportions",
        "for_quantile",
        "information",
    ),
    "planning.sequential_power": ("by_events", "by_z"),
    "preference": (
        "Preferences",
        "log_evidence_of_better",
        "log_evidence_of_win_rate_above",
        "log_evidence_of_win_rate_below",
        "log_evidence_of_worse",
        "win_rate_interval",
    ),
    "ratio": ("Ratio", "log_ratio_of_ratios"),
    "sample_ratio": ("chi_squared", "log_mismatch", "log_mismatch_of_rounds"),
    "summaries": ("Covaried", "Events", "Moments"),
    "verdict": ("Verdict", "worst"),
}
PUBLIC = {
    name.partition("=")[0]: (f"{__name__}.{place}", name.rpartition("=")[2])
    for place, names in _PLACES.items()
    for name in names
}
"""Public name -> (module, name there)."""

__all__ = sorted(PUBLIC)  # noqa: PLE0605 - the names stand once, in the table above


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'tidegate.stats' has no attribute {name!r}")
    place, there = PUBLIC[name]
    return getattr(import_module(place), there)


def __dir__() -> list[str]:
    return __all__
