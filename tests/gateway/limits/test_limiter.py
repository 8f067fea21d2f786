"""Reserve, true up, report, and hold to the slice that control lends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.lending import KeyGrant, MoneyGrant, Rates
from tidegate.gateway.limits.limiter import Limiter
from tidegate.gateway.refusals import Refusal

NOON = int(datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()) * 1_000_000
DOLLAR = 10**9


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def limiter(clock: Clock, *, is_led: bool = True, **limits) -> Limiter:
    return Limiter("shop", KeyLimits(**limits), clock, lambda: is_led)


def refused(made: Limiter, tokens: int = 10, cost: int = 0, now_us: int = NOON) -> Refusal:
    with pytest.raises(Refusal) as error:
        made.reserve(tokens, cost, now_us)
    return error.value


def granted(day: str, amount: int, unspent: int) -> KeyGrant:
    return KeyGrant(key="shop", day=MoneyGrant(day, amount, unspent))


def test_requests_over_the_limit_are_told_when_to_come_again(clock):
    made = limiter(clock, requests_per_minute=2)
    made.reserve(10, 0, NOON)
    made.reserve(10, 0, NOON)
    refusal = refused(made)
    assert (refusal.status, refusal.code, refusal.headers) == (429, "rate_limit_exceeded", ((b"retry-after", b"30"),))
    assert "2 requests per minute" in refusal.message
    clock.now += 30
    made.reserve(10, 0, NOON)
    assert made.refused == {"requests_per_minute": 1}


def test_places_are_given_back_when_requests_end(clock):
    made = limiter(clock, concurrent=1)
    held = made.reserve(10, 0, NOON)
    assert refused(made).headers == ((b"retry-after", b"1"),)
    made.settle(held, 0, 0)
    made.reserve(10, 0, NOON)


def test_tokens_are_reserved_and_trued_up(clock):
    made = limiter(clock, tokens_per_minute=1000)
    held = made.reserve(900, 0, NOON)
    assert refused(made, tokens=200).headers == ((b"retry-after", b"6"),)
    made.settle(held, 300, 0)
    held = made.reserve(700, 0, NOON)
    made.settle(held, 1500, 0)  # more than was foreseen: it is owed
    assert refused(made, tokens=1).headers == ((b"retry-after", b"49"),)


def test_a_refused_request_takes_nothing_of_any_limit(clock):
    made = limiter(clock, requests_per_minute=10, tokens_per_minute=100, concurrent=5)
    for _ in range(20):
        made_refusal = refused(made, tokens=100) if made.in_flight else None
        if made_refusal is None:
            made.reserve(60, 0, NOON)
    assert made.in_flight == 1
    made.reserve(40, 0, NOON)


def test_money_is_spent_up_to_what_control_lent_and_begins_anew_with_the_day(clock):
    made = limiter(clock, budget_per_day=10 * DOLLAR)
    day = made.use(NOON).day.period
    made.grant(granted(day, 10 * DOLLAR, 10 * DOLLAR))
    held = made.reserve(10, 6 * DOLLAR, NOON)
    assert refused(made, cost=5 * DOLLAR).headers == ((b"retry-after", b"1"),), "what is reserved may come back"
    made.settle(held, 10, 5 * DOLLAR)
    made.settle(made.reserve(10, 5 * DOLLAR, NOON), 10, 5 * DOLLAR)
    made.grant(granted(day, 10 * DOLLAR, 0))
    refusal = refused(made)
    assert (refusal.code, refusal.headers) == ("budget_exceeded", ((b"retry-after", b"%d" % (12 * 3600)),))
    assert "10 USD per day" in refusal.message
    tomorrow = NOON + 86_400_000_000
    made.reserve(10, DOLLAR // 20, tomorrow)
    made.grant(granted(day, 20 * DOLLAR, 20 * DOLLAR))  # late: of the day that is over
    assert refused(made, cost=DOLLAR, now_us=tomorrow).code == "budget_exceeded"


def test_before_control_has_spoken_only_a_starting_slice_of_money_may_be_spent(clock):
    made = limiter(clock, budget_per_month=100 * DOLLAR)
    made.reserve(10, DOLLAR, NOON)
    assert refused(made).code == "budget_exceeded"


def test_without_control_a_key_may_be_allowed_to_go_on(clock):
    allowed = limiter(clock, is_led=False, budget_per_month=100 * DOLLAR, without_control="allow")
    allowed.reserve(10, 50 * DOLLAR, NOON)
    under_control = limiter(clock, budget_per_month=100 * DOLLAR, without_control="allow")
    refused(under_control, cost=50 * DOLLAR)


def test_it_holds_to_the_slices_that_control_lends(clock):
    made = limiter(clock, requests_per_minute=100, concurrent=10, tokens_per_minute=1000)
    made.grant(KeyGrant(key="shop", slices=Rates(3, 500, 2)))
    held = [made.reserve(10, 0, NOON) for _ in range(2)]
    assert "10 requests at once" in refused(made).message
    for each in held:
        made.settle(each, 10, 0)
    made.settle(made.reserve(10, 0, NOON), 10, 0)
    assert "100 requests per minute" in refused(made).message


def test_it_tells_what_is_wanted_also_what_it_refused(clock):
    made = limiter(clock, requests_per_minute=60, concurrent=1)
    held = made.reserve(50, 0, NOON)
    refused(made, tokens=50)
    clock.now += 1
    use = made.use(NOON)
    assert (use.key, use.wanted, use.in_flight) == ("shop", Rates(2, 100, 2), 1)
    made.settle(held, 50, 0)
    clock.now += 30
    assert made.use(NOON).wanted.requests == 1, "what was wanted fades"
    clock.now += 60
    assert made.use(NOON).wanted.requests == 0


def test_new_limits_of_a_key_keep_the_requests_under_way(clock):
    made = limiter(clock, concurrent=1)
    held = made.reserve(10, 0, NOON)
    made.declare(KeyLimits(concurrent=2))
    made.reserve(10, 0, NOON)
    refused(made)
    made.settle(held, 0, 0)
    made.reserve(10, 0, NOON)


def test_a_raised_limit_gives_nothing_back_that_was_spent(clock):
    made = limiter(clock, budget_per_day=10 * DOLLAR, budget_per_month=90 * DOLLAR, requests_per_minute=2)
    day = made.use(NOON).day.period
    made.grant(granted(day, 10 * DOLLAR, 10 * DOLLAR))
    made.settle(made.reserve(10, DOLLAR // 2, NOON), 10, DOLLAR // 2)
    held = made.reserve(10, DOLLAR // 4, NOON)
    made.declare(KeyLimits(budget_per_day=11 * DOLLAR, budget_per_month=90 * DOLLAR, requests_per_minute=3))
    assert (made.day.spent, made.day.reserved) == (DOLLAR // 2, DOLLAR // 4)
    assert "3 requests per minute" in refused(made).message, "both of the minute were used"
    made.settle(held, 10, 0)
    assert (made.month.spent, made.month.reserved) == (DOLLAR // 2, 0)


def test_a_new_budget_finds_what_was_spent_before_it(clock):
    made = limiter(clock, concurrent=5)
    made.settle(made.reserve(10, 8 * DOLLAR, NOON), 10, 8 * DOLLAR)
    assert made.use(NOON).day.period == "", "without a budget nobody asks"
    made.declare(KeyLimits(budget_per_day=10 * DOLLAR))
    assert made.use(NOON).day.spent == 8 * DOLLAR
    made.reserve(10, DOLLAR // 10, NOON)
    assert refused(made, cost=1).code == "budget_exceeded", "a hundredth until control has spoken"
    made.declare(KeyLimits(budget_per_day=5 * DOLLAR))
    refused(made, cost=1)


def test_a_lowered_budget_holds_before_control_has_lent_anew(clock):
    made = limiter(clock, budget_per_day=10 * DOLLAR)
    made.grant(granted(made.use(NOON).day.period, 10 * DOLLAR, 10 * DOLLAR))
    made.declare(KeyLimits(budget_per_day=2 * DOLLAR))
    refused(made, cost=3 * DOLLAR)


def test_spent_and_reserved_are_told_apart(clock):
    made = limiter(clock, budget_per_day=100 * DOLLAR)
    made.settle(made.reserve(10, DOLLAR // 2, NOON), 10, DOLLAR // 4)
    held = made.reserve(10, DOLLAR // 2, NOON)
    use = made.use(NOON).day
    assert (use.spent, use.reserved, use.wanted, use.granted) == (DOLLAR // 4, DOLLAR // 2, DOLLAR // 2, DOLLAR)
    made.settle(held, 10, 0)
    use = made.use(NOON).day
    assert (use.spent, use.reserved) == (DOLLAR // 4, 0)


def test_a_request_that_ends_after_midnight_is_of_the_day_it_began_in(clock):
    made = limiter(clock, budget_per_day=100 * DOLLAR, budget_per_month=100 * DOLLAR)
    held = made.reserve(10, DOLLAR, NOON)
    tomorrow = NOON + 13 * 3_600_000_000
    assert made.use(tomorrow).day.reserved == 0
    made.settle(held, 10, DOLLAR // 10)
    day, month = made.use(tomorrow).day, made.use(tomorrow).month
    assert (day.period, day.spent, day.reserved) == ("2026-11-28", 0, 0)
    assert (month.spent, month.reserved) == (DOLLAR // 10, 0)


def test_what_can_never_be_paid_waits_for_the_end_of_the_day_and_the_rest_for_what_may_come_back(clock):
    made = limiter(clock, budget_per_day=10 * DOLLAR)
    made.grant(granted(made.use(NOON).day.period, DOLLAR, 2 * DOLLAR))
    assert refused(made, cost=2 * DOLLAR).headers == ((b"retry-after", b"1"),), "lent to another process now"
    refusal = refused(made, cost=3 * DOLLAR)
    assert refusal.headers == ((b"retry-after", b"%d" % (12 * 3600)),)
    assert "10 USD per day" in refusal.message
    assert "this request may cost up to 3.0000 USD" in refusal.message
    made.grant(granted(made.use(NOON).day.period, 0, 0))
    assert refused(made, cost=0).headers == ((b"retry-after", b"%d" % (12 * 3600)),)


def test_what_was_wanted_at_once_is_remembered_for_some_seconds_and_then_forgotten(clock):
    made = limiter(clock, budget_per_day=100 * DOLLAR)
    refused(made, cost=7 * DOLLAR)
    for _ in range(5):
        clock.now += 1
        assert made.use(NOON).day.wanted == 7 * DOLLAR
    for _ in range(6):
        clock.now += 1
        made.use(NOON)
    assert made.use(NOON).day.wanted == 0


def test_a_second_answer_that_does_not_fit_is_done_without_and_refuses_nobody(clock):
    made = limiter(clock, concurrent=2)
    made.reserve(10, 0, NOON)
    second = made.reserve_beside(10, 0, NOON)
    assert second is not None
    assert made.reserve_beside(10, 0, NOON) is None
    assert (made.in_flight, made.refused) == (2, {})
    made.settle(second, 10, 0)
    assert made.in_flight == 1
