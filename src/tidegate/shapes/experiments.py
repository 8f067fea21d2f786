"""What the API tells of an experiment: where each arm stands in each objective, at any time and after its end."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tidegate.shapes.counts import ThresholdChange
from tidegate.shapes.releases import Event, MetricVerdict


class ArmEffect(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one arm against control; bounds and e-value hold at every look.

    Attributes:
        metric: with its statistic.
        variant: the arm.
        role: ``objective`` chooses or vetoes a winner; ``watched`` is what a guardrail is about, and is only told here.
        better: ``higher``, ``lower``, or ``neither`` where both directions are harm.
        standing: ``better``, ``worse`` (by more than the margin), ``no_worse`` (surely within it), ``undecided``,
            ``no_data``; ``void`` while a sample-ratio mismatch makes every comparison meaningless.
        unit: of ``estimate``, ``control_estimate`` and ``effect``: ``share`` (parts of one), ``s``, ``USD`` …
        effect: arm minus control, with ``lower`` and ``upper``.
        lift: the same in parts of control's value.
        probability: of being better, of a normal posterior; nothing is decided by it.
        e_value: against "no difference"; ``p_value`` is its inverse, at most 1.
        samples, control_samples: units or values it rests on.
        sentence: all of it in words; ``change`` says what would alter the standing, "" when nothing does.
    """

    metric: str
    variant: str
    role: str
    better: str
    standing: str
    unit: str
    estimate: float | None
    control_estimate: float | None
    effect: float | None
    lower: float | None
    upper: float | None
    lift: float | None
    lift_lower: float | None
    lift_upper: float | None
    probability: float | None
    e_value: float
    p_value: float
    samples: int
    control_samples: int
    sentence: str
    change: str


class ExperimentArm(msgspec.Struct, frozen=True, kw_only=True):
    """One variant, control among them.

    Attributes:
        weight: basis points now; ``declared`` those it began with.
        requests, units: assigned since the experiment began.
        compared: units that compare the arms, and ``share`` their part of all of them (``None`` without any).
        failures: requests that the variant itself failed.
        cost_usd: of its answers, as far as prices are known.
        is_winner: it won.
        removed_at: when it was taken out, and ``removed_because`` of what.
    """

    variant: str
    version: str
    weight: int
    declared: int
    requests: int
    units: int
    compared: int
    share: float | None
    failures: int
    cost_usd: float
    is_winner: bool
    removed_at: datetime | None
    removed_because: str


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of the experiment, in the words of its file.

    Attributes:
        role: ``objective`` or ``guardrail``.
        words: ``max_increase 2%, hard > 5%``; "" for an objective that must be surely better.
    """

    metric: str
    role: str
    words: str


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """What votes on both versions' answers came to; each conversation has one.

    Attributes:
        question: whose votes these are: ``feedback:NAME`` or ``judge:NAME``.
        mode: ``side_by_side``, ``turn`` or ``judged``.
        variant: the arm that is compared with stable.
        wins, ties, losses: of that arm; ``votes`` is their sum.
        repeated: further votes of the same conversations, which decide nothing.
        pairs: requests that both versions were to answer, 0 where turns alternate; ``void`` of those lack an answer.
        win_rate: a tie as half a win, ``None`` without votes; ``lower`` and ``upper`` hold at every look.
        e_value: against "both are preferred equally often"; ``p_value`` is its inverse, at most 1.
        first_share: how often the answer in the first place was preferred where one was, with its bounds; one half
            without a taste for a place. The order is random, so it biases nobody.
        standing: ``better``, ``worse``, ``no_worse`` (surely within the margin) or ``undecided``.
        sentence: all of it in words.
    """

    question: str
    mode: str
    variant: str
    wins: int
    ties: int
    losses: int
    votes: int
    repeated: int
    pairs: int
    void: int
    win_rate: float | None
    lower: float
    upper: float
    e_value: float
    p_value: float
    first_share: float | None
    first_lower: float
    first_upper: float
    standing: str
    sentence: str


class BanditRound(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a bandit's weights.

    Attributes:
        weights: variant -> basis points with which its units were drawn: their propensities.
        units: that were drawn; ``rewards`` known of them, and the ``means`` of these, larger being better.
        predicted: the reward that was predicted when it began, which its evidence is held against; ``None`` for rewards
            without bounds.
    """

    number: int
    began_at: datetime
    weights: dict[str, int]
    units: dict[str, int]
    rewards: dict[str, int]
    means: dict[str, float | None]
    predicted: float | None


class BanditVariant(msgspec.Struct, frozen=True, kw_only=True):
    """One variant over all rounds.

    Attributes:
        value: its mean reward by the propensities; ``lower`` and ``upper`` hold at every look, with those of the others.
        best: the probability of being the best one, by which weights are reckoned; nothing is decided by it.
        least, most: basis points it had.
    """

    variant: str
    value: float | None
    lower: float | None
    upper: float | None
    best: float | None
    units: int
    rewards: int
    least: int
    most: int


class Bandit(msgspec.Struct, frozen=True, kw_only=True):
    """How a bandit's weights followed its rewards.

    Attributes:
        reward: its name; ``cost_weight`` of it is taken off for each US dollar.
        floor, ceiling, max_change: basis points.
        epochs: how often weights were reckoned; ``next_epoch_at`` when again, ``None`` while nothing is.
        regret: reward that users would have had more of with the variant that looks best, over all units so far;
            ``regret_of_equal_shares`` the same of an A/B test. ``None`` while that cannot be said.
        rounds: oldest first; an epoch that changes nothing begins none.
    """

    algorithm: str
    reward: str
    cost_weight: float
    floor: int
    ceiling: int
    max_change: int
    epoch_seconds: float
    epochs: int
    next_epoch_at: datetime | None
    regret: float | None
    regret_of_equal_shares: float | None
    variants: tuple[BanditVariant, ...]
    rounds: tuple[BanditRound, ...]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """Where an experiment stands.

    A strategy that has more to tell adds a block of its own here, ``None`` for the others.

    Attributes:
        strategy: ``ab_test`` and the like.
        unit: what is randomised.
        audience: segment that takes part, ``None`` for everybody.
        alpha: of the whole experiment: all lower bounds together miss with this probability at most, and all upper
            ones; each bound has ``shared_alpha``.
        mode: ``promote_winner`` or ``report_only``.
        is_sequential: it ends as soon as the evidence decides.
        horizon_seconds: how long it runs at most; ``ends_at`` is when, while it runs.
        is_void: the variants did not get the units they should have: nothing can be concluded.
        outcome: ``winner_found``, ``winner_forced``, ``stable_kept``, ``reported``, or "" while it goes on.
        winner: the arm that won, or would win now.
        headline: what came out so far, in one sentence; ``sentences`` what follows from it.
        effects: objectives first, the one that chooses before all others, then what guardrails watch.
        guardrails: what the last analysis said of each of them, for each arm on trial.
        bounds: what is decided by; ``thresholds`` who declared it when, in order.
        interventions: what people did to it since.
        preferences: of an interleaving, what its votes came to.
        bandit: of a bandit, how its weights followed its rewards.
    """

    release: str
    service: str
    strategy: str
    attempt: int
    phase: str
    unit: str
    audience: str | None
    alpha: float
    shared_alpha: float
    mode: str
    is_sequential: bool
    began_at: datetime
    horizon_seconds: float
    ends_at: datetime | None
    ended_at: datetime | None
    is_void: bool
    outcome: str
    winner: str | None
    headline: str
    sentences: tuple[str, ...]
    arms: tuple[ExperimentArm, ...]
    effects: tuple[ArmEffect, ...]
    guardrails: tuple[MetricVerdict, ...]
    bounds: tuple[Bound, ...]
    thresholds: tuple[ThresholdChange, ...]
    interventions: tuple[Event, ...]
    preferences: Preferences | None = None
    bandit: Bandit | None = None


class SegmentEffects(msgspec.Struct, frozen=True, kw_only=True):
    """The objectives among the units of one segment; bounds share alpha over all segments that are told.

    Attributes:
        segment: its name.
        units: that compare the arms, of all variants.
    """

    segment: str
    units: int
    effects: tuple[ArmEffect, ...]


class SegmentedResults(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment by segment: to look into, not to decide by.

    Attributes:
        by: ``segment``, ``key``, ``path`` or ``stream``.
        units: that were read; ``is_partial`` when there are more of them than are read at once (the newest are).
    """

    release: str
    service: str
    by: str
    units: int
    is_partial: bool
    segments: tuple[SegmentEffects, ...]
