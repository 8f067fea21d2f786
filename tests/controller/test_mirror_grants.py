"""Money for copies, shared out over gateways: together they never spend more than declared, and nearly all of it."""

from __future__ import annotations

import random

import pytest

from tidegate.controller.mirror_grants import MirrorGrants
from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.snapshot import Heartbeat, MirrorSpending

BOUNDS = Mirroring(share=1_000, max_cost=1_000_000, max_tokens=50_000)


def beat(boot: str, cost: int = 0, tokens: int = 0, step: int = 0) -> Heartbeat:
    told = MirrorSpending(service="bot", release="rel_1", attempt=1, step=step, cost=cost, tokens=tokens)
    return Heartbeat(gateway="g", boot_id=boot, pid=1, address="", build="", revision=1, epoch=1, mirrors=(told,))


def grants(live: str = "abc012") -> MirrorGrants:
    return MirrorGrants(lambda told: BOUNDS if told.step == 0 else None, lambda: live)


def test_one_gateway_gets_half_of_what_is_left_each_time():
    found = grants()
    assert [found.answer(beat("a", cost))[0].cost for cost in (0, 500_000, 900_000)] == [500_000, 750_000, 950_000]
    assert found.answer(beat("a", 1_000_000, 49_000))[0].tokens == 49_500


def test_a_step_that_is_mirrored_no_more_gets_nothing():
    assert grants().answer(beat("a", step=1)) == ()
    assert grants().answer(Heartbeat(gateway="g", boot_id="a", pid=1, address="", build="", revision=1, epoch=1)) == ()


def test_what_another_may_still_spend_is_granted_to_nobody_else():
    found = grants()
    assert found.answer(beat("a"))[0].cost == 500_000
    assert found.answer(beat("b"))[0].cost == 250_000


def test_of_a_process_that_is_gone_only_what_it_spent_is_reckoned_with():
    found = grants(live="b")
    found.answer(beat("a", 600_000))
    assert found.answer(beat("b"))[0].cost == 200_000


@pytest.mark.parametrize("seed", range(20))
def test_however_beats_and_copies_interleave_the_sum_stays_within_the_bound_and_comes_near_it(seed):
    dice, count, copy = random.Random(seed), 3, 1_000
    found, spent, allowed = grants(), [0] * count, [0] * count
    answers: list[int | None] = [None] * count  # on their way: a gateway goes on by its old grant meanwhile
    for _ in range(6_000):
        gateway = dice.randrange(count)
        if answers[gateway] is not None and dice.random() < 0.3:
            allowed[gateway], answers[gateway] = answers[gateway], None
        elif answers[gateway] is None and dice.random() < 0.02 * (gateway + 1):
            answers[gateway] = found.answer(beat(str(gateway), spent[gateway]))[0].cost
        elif spent[gateway] + copy <= allowed[gateway]:
            spent[gateway] += copy
        assert sum(spent) <= BOUNDS.max_cost
    assert sum(spent) >= 0.97 * BOUNDS.max_cost
    assert BOUNDS.is_spent(sum(spent), 0, sum(spent) // copy, count)  # the engine sees that nothing more will come
