"""The page of an experiment: every arm in numbers, a picture and words, and what it says when there is nothing to say."""

import re

import msgspec
from tests.dashboard.conftest import browser, experiment, submit

from tidegate.dashboard.assets import Assets
from tidegate.dashboard.drawing import Drawing
from tidegate.shapes.experiments import Bandit, BanditRound, BanditVariant, Preferences


async def test_an_experiment_is_told_arm_by_arm(server):
    release = await experiment(server)
    async with browser(server) as visitor:
        page = (await visitor.get(f"/releases/{release}/results")).text
        assert "A/B test results" in page
        assert "Nobody has won yet" not in page  # half is surely good enough, and would win at the end
        assert "half is surely good enough to win: cost_per_request.mean is" in page
        assert re.search(r'<svg class="lane is-better"', page)
        assert len(re.findall(r'<svg class="lane ', page)) == 4  # two arms, an objective and a guardrail
        assert re.search(r"−4\d\.\d %", page)  # noqa: RUF001  # the lift of half
        assert "would win now" in page
        assert "50 %" in page  # failures of odd
        assert "surely better than control" in page
        assert "Declared by <b>ann@desk</b>" in page
        assert f"--what assignments --release {release}" in page
        table = (await visitor.get(f"/releases/{release}/effects.csv")).text.splitlines()
        assert {"metric", "variant", "effect", "lower", "upper"} <= set(table[0].split(","))
        assert len(table) > 1
        assert f'href="/releases/{release}/results"' in (await visitor.get(f"/releases/{release}")).text


async def test_by_segment_it_is_told_for_each(server):
    release = await experiment(server)
    async with browser(server) as visitor:
        page = (await visitor.get(f"/releases/{release}/results/segments")).text
        assert re.findall(r"<h3>(\w+)</h3>", page) == ["none", "beta"]
        assert "720 units" in page
        assert "180 units" in page
        assert "To look into, not to decide by" in page
        assert "<h3>shop</h3>" in (await visitor.get(f"/releases/{release}/results/segments?by=key")).text
        assert (await visitor.get(f"/releases/{release}/results/segments?by=colour")).status_code == 422


async def test_what_is_no_experiment_says_so(server):
    release = await submit(server)
    async with browser(server) as visitor:
        answer = await visitor.get(f"/releases/{release}/results")
        assert answer.status_code == 404
        assert "is no experiment" in answer.text
        assert "experiment results" not in (await visitor.get(f"/releases/{release}")).text


async def test_votes_of_an_interleaving_are_told_with_what_they_came_to(server):
    release = await experiment(server)
    async with server.client() as client:
        results = await client.results(release)
    votes = Preferences(
        question="feedback:better",
        mode="side_by_side",
        variant="candidate",
        wins=60,
        ties=20,
        losses=20,
        votes=100,
        repeated=3,
        pairs=130,
        void=2,
        win_rate=0.7,
        lower=0.58,
        upper=0.8,
        e_value=400.0,
        p_value=0.0025,
        first_share=0.55,
        first_lower=0.4,
        first_upper=0.7,
        standing="better",
        sentence="70 % of votes prefer it.",
    )
    told = msgspec.structs.replace(results, effects=(), preferences=votes)
    drawn = Drawing(Assets()).whole("parts/results_effects.html", {"results": told})
    assert "Votes: feedback:better" in drawn
    assert "surely 58 % to 80 %" in drawn
    assert 'aria-label="60 votes for candidate, 20 ties, 20 for stable"' in drawn
    assert "lane" not in drawn


async def test_rounds_of_a_bandit_are_drawn_with_the_weights_that_they_had(server):
    release = await experiment(server)
    async with server.client() as client:
        results = await client.results(release)
    names = [arm.variant for arm in results.arms]
    common = {"lower": None, "upper": None, "units": 90, "least": 500, "most": 9_000}
    variants = tuple(BanditVariant(variant=n, value=0.5, best=1 / 3, rewards=80, **common) for n in names)
    weights = [dict(zip(names, points, strict=True)) for points in ((3_334, 3_333, 3_333), (1_000, 8_000, 1_000))]
    shared = {"units": {}, "rewards": {}, "means": {}, "predicted": 0.5, "began_at": results.began_at}
    bandit = Bandit(
        algorithm="top_two",
        reward="feedback:liked",
        cost_weight=0.0,
        floor=500,
        ceiling=9_500,
        max_change=2_000,
        epoch_seconds=600.0,
        epochs=3,
        next_epoch_at=None,
        regret=12.3,
        regret_of_equal_shares=40.0,
        variants=variants,
        rounds=tuple(BanditRound(number=n, weights=each, **shared) for n, each in enumerate(weights)),
    )
    told = msgspec.structs.replace(results, bandit=bandit)
    drawn = Drawing(Assets()).whole("parts/results_effects.html", {"results": told})
    assert "Weights follow feedback:liked" in drawn
    assert f'aria-label="Round 1: {names[0]} 10 %, {names[1]} 80 %, {names[2]} 10 %"' in drawn
    assert "5 % to 90 %" in drawn
    assert "12.3" in drawn
