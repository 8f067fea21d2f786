"""What comes after a failed attempt, as a table."""

from __future__ import annotations

import pytest

from tidegate.delivery.observation import Outcome
from tidegate.gateway.rescue import (
    Cause,
    Move,
    Role,
    Standing,
    attempts_budget,
    cause_of_status,
    is_benching,
    is_hard,
    least_bad,
    next_move,
    outcome_of,
)
from tidegate.gateway.retry_after import LONGEST_WAIT_SECONDS

RETRY, NEXT, GIVE_UP = Move.RETRY, Move.NEXT, Move.GIVE_UP


def stable(attempts=1, budget=3, retries=0, alternatives=1, asked_wait=None) -> Standing:
    return Standing(Role.STABLE, attempts, budget, retries, alternatives, asked_wait)


@pytest.mark.parametrize("cause", list(Cause))
def test_whatever_a_candidate_does_wrong_stable_rescues_at_once(cause):
    assert next_move(cause, Standing(Role.CANDIDATE, 1, 3, 0, 1)) is NEXT


def test_a_candidate_without_stable_has_nobody_to_rescue_it():
    assert next_move(Cause.SERVER_ERROR, Standing(Role.CANDIDATE, 1, 3, 0, 0)) is GIVE_UP


@pytest.mark.parametrize(
    ("cause", "move"),
    [
        (Cause.CALLERS_OWN, GIVE_UP),
        (Cause.OUT_OF_TIME, GIVE_UP),
        (Cause.REJECTED, NEXT),
        (Cause.REDIRECTED, NEXT),
        (Cause.QUOTA, NEXT),
        (Cause.SILENT, NEXT),
        (Cause.BUSY, NEXT),
        (Cause.BENCHED, NEXT),
        (Cause.RATE_LIMITED, RETRY),
        (Cause.TIMED_OUT, RETRY),
        (Cause.UNREACHABLE, RETRY),
        (Cause.SERVER_ERROR, RETRY),
        (Cause.MALFORMED, RETRY),
        (Cause.TRUNCATED, RETRY),
    ],
)
def test_the_first_failure_of_stable_with_a_fallback_left(cause, move):
    assert next_move(cause, stable()) is move


@pytest.mark.parametrize("cause", [Cause.REJECTED, Cause.QUOTA, Cause.SILENT, Cause.REDIRECTED])
def test_stable_is_never_asked_again_after_what_waiting_cannot_mend(cause):
    assert next_move(cause, stable(alternatives=0)) is GIVE_UP


@pytest.mark.parametrize(
    ("standing", "move"),
    [
        (stable(attempts=1, retries=0, alternatives=0), RETRY),
        (stable(attempts=2, retries=1, alternatives=0), RETRY),
        (stable(attempts=3, retries=2, alternatives=0), GIVE_UP),
        (stable(attempts=1, retries=0, alternatives=1), RETRY),
        (stable(attempts=2, retries=1, alternatives=1), NEXT),
        (stable(attempts=1, retries=0, alternatives=4), RETRY),  # a passing fault deserves one retry
        (stable(attempts=2, retries=1, alternatives=4), NEXT),
        (
            stable(attempts=2, retries=0, alternatives=1),
            NEXT,
        ),  # rescued from a candidate: the last one is the fallback's
        (stable(attempts=2, retries=0, alternatives=0), RETRY),
        (stable(attempts=3, budget=6, retries=2, alternatives=2), RETRY),
        (stable(attempts=4, budget=6, retries=3, alternatives=2), NEXT),
        (stable(attempts=1, budget=1, alternatives=1), GIVE_UP),
    ],
)
def test_retries_leave_an_attempt_for_the_fallbacks(standing, move):
    assert next_move(Cause.SERVER_ERROR, standing) is move


def test_a_wait_longer_than_the_cap_is_not_cut_short_but_avoided():
    longer = LONGEST_WAIT_SECONDS + 0.1
    assert next_move(Cause.RATE_LIMITED, stable(asked_wait=longer)) is NEXT
    assert next_move(Cause.RATE_LIMITED, stable(asked_wait=longer, alternatives=0)) is GIVE_UP
    assert next_move(Cause.RATE_LIMITED, stable(asked_wait=LONGEST_WAIT_SECONDS, alternatives=0)) is RETRY
    assert LONGEST_WAIT_SECONDS <= 10.0, "a client waits meanwhile"


def test_a_wait_that_total_does_not_leave_goes_on_to_whoever_can_be_asked_now():
    in_vain = stable(asked_wait=3.0)._replace(wait=3.0, left_seconds=2.0)
    assert next_move(Cause.RATE_LIMITED, in_vain) is NEXT
    assert next_move(Cause.RATE_LIMITED, in_vain._replace(alternatives=0)) is GIVE_UP
    assert next_move(Cause.RATE_LIMITED, in_vain._replace(left_seconds=4.0)) is RETRY


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.OUT_OF_TIME])
def test_a_fallback_is_tried_once_and_then_the_next(cause):
    assert next_move(cause, Standing(Role.FALLBACK, 2, 4, 0, 1)) is NEXT
    assert next_move(cause, Standing(Role.FALLBACK, 2, 4, 0, 0)) is GIVE_UP
    assert next_move(cause, Standing(Role.FALLBACK, 4, 4, 0, 1)) is GIVE_UP


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (400, Cause.CALLERS_OWN),
        (413, Cause.CALLERS_OWN),
        (422, Cause.CALLERS_OWN),
        (401, Cause.REJECTED),
        (403, Cause.REJECTED),
        (404, Cause.REJECTED),
        (405, Cause.REJECTED),
        (408, Cause.TIMED_OUT),
        (429, Cause.RATE_LIMITED),
        (500, Cause.SERVER_ERROR),
        (503, Cause.SERVER_ERROR),
        (529, Cause.SERVER_ERROR),
        (302, Cause.REDIRECTED),
    ],
)
def test_statuses_are_classified(status, cause):
    assert cause_of_status(status, is_content_filter=False, is_quota=False) is cause


def test_quota_and_content_filter_outrank_the_status():
    assert cause_of_status(429, is_content_filter=False, is_quota=True) is Cause.QUOTA
    assert cause_of_status(403, is_content_filter=True, is_quota=False) is Cause.CALLERS_OWN


def test_every_cause_has_an_outcome_and_rate_limits_are_not_hard():
    assert {outcome_of(cause) for cause in Cause} <= set(Outcome)
    assert outcome_of(Cause.CALLERS_OWN, is_content_filter=True) is Outcome.FILTERED
    for cause in (Cause.RATE_LIMITED, Cause.QUOTA, Cause.BUSY, Cause.CALLERS_OWN, Cause.BENCHED):
        assert not is_hard(cause)
    assert is_benching(Cause.QUOTA)
    assert not is_benching(Cause.RATE_LIMITED)


def test_a_budget_of_one_still_lets_stable_rescue_a_candidate():
    assert attempts_budget(1, has_candidate=True) == 2
    assert attempts_budget(1, has_candidate=False) == 1
    assert attempts_budget(5, has_candidate=True) == 5


def test_the_least_bad_of_blocking_deployments_is_due_first():
    assert least_bad([9.0, 3.0, 5.0]) == 1
