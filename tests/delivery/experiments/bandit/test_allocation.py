"""Who gets how much in the next round: within its limits whatever is wanted, and always the same for the same counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.bandit.allocation import chances, limited, wanted
from tidegate.delivery.experiments.bandit.rewards import Sight, estimate, prediction, reward_of
from tidegate.delivery.experiments.bandit.reweighting import Reweighting
from tidegate.delivery.quantities import Seconds, Share
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.distribution import Distribution

LIKED = reward_of(GuardrailSpec(metric="feedback:liked"), 0.0)
COST = reward_of(GuardrailSpec(metric="cost_per_request", stat="mean"), 0.0)
BOTH = reward_of(GuardrailSpec(metric="feedback:liked"), 20.0)
ERRORS = reward_of(GuardrailSpec(metric="error_rate"), 0.0)


def rule(**fields: float) -> Reweighting:
    given = {"floor": 0.05, "ceiling": 0.95, "max_change": 0.2} | fields
    return Reweighting(
        algorithm="thompson",
        reward="feedback:liked",
        epoch=Seconds(600),
        **{name: Share(value) for name, value in given.items()},
    )


def liked(yes: int, no: int, nano_usd: int = 0) -> Summary:
    count = yes + no
    spent = (
        Distribution(count=count, total=nano_usd * count, squares=nano_usd**2 * count) if nano_usd else Distribution()
    )
    return Summary(units=count, opinions={"liked": Opinions(yes=yes, no=no)}, cost=spent)


def cost(*nano_usd: int) -> Summary:
    return Summary(units=len(nano_usd), cost=sum(map(Distribution.of, nano_usd), Distribution()))


def rounds(*told: tuple[dict[str, float], dict[str, Summary]]) -> list[Sight]:
    return [Sight(number, shares, seen) for number, (shares, seen) in enumerate(told)]


@given(st.data())
def test_limits_hold_whatever_is_wanted(data):
    names = data.draw(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=8, unique=True))
    shares = st.floats(0.001, 1.0)
    wish, before = ({name: data.draw(shares) for name in names} for _ in range(2))
    wish = {name: share / sum(wish.values()) for name, share in wish.items()}
    floor = data.draw(st.floats(0.01, 1 / len(names)))
    ceiling = data.draw(st.floats(1 / len(names), 1.0))
    change = data.draw(st.floats(0.01, 1.0))
    points = limited(wish, before, rule(floor=floor, ceiling=ceiling, max_change=change))
    assert sum(points.values()) == 10_000
    whole, near = sum(before.values()), 2e-4
    assert all(floor - near <= weight / 10_000 <= ceiling + near for weight in points.values())
    if all(floor <= share / whole <= ceiling for share in before.values()):
        assert all(abs(points[name] / 10_000 - before[name] / whole) <= change + near for name in names)


def test_what_is_wanted_and_allowed_is_given():
    wish = {"stable": 0.2, "a": 0.5, "b": 0.3}
    assert limited(wish, {"stable": 0.3, "a": 0.4, "b": 0.3}, rule()) == {"stable": 2_000, "a": 5_000, "b": 3_000}
    far = limited({"stable": 0.0, "a": 1.0}, {"stable": 0.5, "a": 0.5}, rule(max_change=0.1))
    assert far == {"stable": 4_000, "a": 6_000}
    assert limited({"stable": 0.0, "a": 1.0}, {"stable": 0.1, "a": 0.9}, rule()) == {"stable": 500, "a": 9_500}


def test_the_weight_of_an_arm_that_is_gone_goes_to_all_others():
    points = limited({"stable": 0.5, "a": 0.5}, {"stable": 0.25, "a": 0.25}, rule(max_change=0.05))
    assert points == {"stable": 5_000, "a": 5_000}


def test_the_likelier_an_arm_is_the_best_the_more_it_gets():
    seen = {"stable": liked(30, 70), "a": liked(45, 55), "b": liked(20, 80)}
    told = rounds(({"stable": 0.34, "a": 0.33, "b": 0.33}, seen))
    names = ("stable", "a", "b")
    best = wanted("thompson", LIKED, names, told)
    two = wanted("top_two", LIKED, names, told)
    tracked = wanted("track_and_stop", LIKED, names, told)
    assert best is not None
    assert two is not None
    assert tracked is not None
    assert best["a"] > 0.97
    assert best["a"] > two["a"] > 0.4  # half of the time it plays who may yet overtake
    assert two["stable"] > best["stable"]
    for shares in (best, two, tracked):
        assert sum(shares.values()) == pytest.approx(1.0)
        assert shares["b"] == min(shares.values())
    assert wanted("thompson", LIKED, names, told) == best  # nothing is drawn


def test_without_rewards_shares_stay_even_and_means_wait_for_thirty():
    shares = {"stable": 0.5, "a": 0.5}
    nothing = rounds((shares, {"stable": Summary(), "a": Summary()}))
    assert wanted("thompson", LIKED, ("stable", "a"), nothing) == pytest.approx(shares, abs=1e-6)
    few = rounds((shares, {"stable": cost(*[10] * 29), "a": cost(*[5] * 40)}))
    assert chances(COST, ("stable", "a"), few) is None
    enough = rounds((shares, {"stable": cost(*[9, 11] * 20), "a": cost(*[4, 6] * 20)}))
    assert chances(COST, ("stable", "a"), enough) == pytest.approx({"stable": 0.0, "a": 1.0}, abs=1e-6)


def test_a_cost_weight_turns_the_choice():
    shares = {"stable": 0.5, "a": 0.5}
    seen = {"stable": liked(600, 400, 1_000_000), "a": liked(650, 350, 11_000_000)}  # 5 points better, one cent more
    assert chances(LIKED, ("stable", "a"), rounds((shares, seen)))["a"] > 0.98
    assert chances(BOTH, ("stable", "a"), rounds((shares, seen)))["stable"] > 0.98  # which takes off 20 points


def test_every_round_counts_with_its_own_propensity():
    """Rewards fall from 60 to 20 % for everybody while ``a`` gets most of the later units: it must not look worse."""
    told = rounds(
        ({"stable": 0.5, "a": 0.5}, {"stable": liked(300, 200), "a": liked(300, 200)}),
        ({"stable": 0.1, "a": 0.9}, {"stable": liked(20, 80), "a": liked(180, 720)}),
    )
    stable, arm = (estimate(LIKED, name, told) for name in ("stable", "a"))
    assert arm.mean == pytest.approx(stable.mean) == pytest.approx(0.4)
    assert arm.effective > stable.effective
    assert chances(LIKED, ("stable", "a"), told)["a"] == pytest.approx(0.5, abs=0.01)
    assert prediction(LIKED, told) == pytest.approx(800 / 2_000, abs=1e-3)


def test_of_errors_the_reward_is_their_absence():
    outcomes = {"ok": 90, "upstream_error": 10}
    seen = {"a": Summary(requests=100, units=100, outcomes=outcomes)}
    assert estimate(ERRORS, "a", rounds(({"a": 0.5}, seen))).mean == pytest.approx(0.9)
