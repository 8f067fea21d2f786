"""The page of an experiment: every arm in numbers, a picture and words, and what it says when there is nothing to say."""

import re

from tests.dashboard.conftest import browser, experiment, submit


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
