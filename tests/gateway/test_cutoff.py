from __future__ import annotations

from tidegate.delivery.observation import Outcome
from tidegate.delivery.snapshot import Cutoff
from tidegate.gateway.cutoff import Cutoffs, Trial

TRIAL = Trial("bot", "r-1", 1, "candidate")


def test_the_nth_hard_failure_in_a_row_cuts_off():
    cutoffs = Cutoffs()
    told = [cutoffs.failed(TRIAL, Outcome.TIMEOUT, 3) for _ in range(4)]
    assert told == [False, False, True, False]
    assert cutoffs.reason(TRIAL) == "timeout"


def test_a_success_breaks_the_row_but_lifts_no_cut_off():
    cutoffs = Cutoffs()
    for _ in range(5):
        cutoffs.failed(TRIAL, Outcome.TIMEOUT, 2)
        cutoffs.succeeded(TRIAL)
    assert cutoffs.reason(TRIAL) == ""
    cutoffs.failed(TRIAL, Outcome.TIMEOUT, 2)
    cutoffs.failed(TRIAL, Outcome.UPSTREAM_ERROR, 2)
    cutoffs.succeeded(TRIAL)
    assert cutoffs.reason(TRIAL) == "upstream_error"


def test_it_is_reported_until_its_attempt_is_gone():
    cutoffs = Cutoffs()
    cutoffs.failed(TRIAL, Outcome.UPSTREAM_ERROR, 1)
    cutoffs.keep([TRIAL])
    assert cutoffs.report() == (
        Cutoff(service="bot", release="r-1", attempt=1, variant="candidate", failures=1, reason="upstream_error"),
    )
    cutoffs.keep([TRIAL._replace(attempt=2)])
    assert cutoffs.report() == ()
    assert cutoffs.reason(TRIAL) == ""


def test_trials_do_not_share_their_counts():
    cutoffs = Cutoffs()
    other = TRIAL._replace(variant="b")
    cutoffs.failed(TRIAL, Outcome.TIMEOUT, 1)
    assert cutoffs.reason(other) == ""
    assert [cutoff.variant for cutoff in cutoffs.report()] == ["candidate"]


def test_slow_streams_that_began_to_answer_break_a_row_of_quick_refusals():
    cutoffs = Cutoffs()
    for _ in range(5):
        cutoffs.failed(TRIAL, Outcome.UPSTREAM_ERROR, 2)
        cutoffs.answered(TRIAL)
    assert cutoffs.reason(TRIAL) == ""


def test_streams_that_all_break_off_are_a_row_although_each_began_to_answer():
    cutoffs = Cutoffs()
    for _ in range(2):
        cutoffs.answered(TRIAL)
        cutoffs.failed(TRIAL, Outcome.TRUNCATED, 2, is_committed=True)
    assert cutoffs.reason(TRIAL) == "truncated"


def test_a_whole_answer_breaks_the_row_of_broken_streams():
    cutoffs = Cutoffs()
    cutoffs.failed(TRIAL, Outcome.TRUNCATED, 2, is_committed=True)
    cutoffs.succeeded(TRIAL)
    cutoffs.failed(TRIAL, Outcome.TRUNCATED, 2, is_committed=True)
    assert cutoffs.reason(TRIAL) == ""


def test_a_cut_off_is_told_at_once_and_once():
    told = []
    cutoffs = Cutoffs(lambda: told.append(1))
    for _ in range(4):
        cutoffs.failed(TRIAL, Outcome.TIMEOUT, 2)
    assert told == [1]
