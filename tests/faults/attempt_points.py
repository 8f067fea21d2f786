"""What is right about attempts: repetitions, waits, timers, and a client that leaves."""

from __future__ import annotations

from tests.faults.points import Point
from tests.faults.proving_files import (
    ACCOUNTS,
    CHAIN,
    CORRECT,
    FRAMING,
    LEAVING,
    POOL,
    RESCUE,
    RULES,
    STREAMING,
    TIMERS,
    WALL,
)

ATTEMPTS: tuple[Point, ...] = (
    Point(
        "Never two models in one answer",
        "After the first content nobody else is asked; the stream ends in an error event.",
        (
            STREAMING + "test_a_stream_that_breaks_after_content_ends_in_an_error_event_and_broken_framing",
            WALL + "test_the_faulty_deployment_is_asked_as_often_as_the_table_says",
        ),
        ("hang mid-stream", "truncated JSON, after content"),
    ),
    Point(
        "One budget, honest waits",
        "Candidate, stable and fallbacks share one budget of attempts; Retry-After is honoured in its three forms "
        "up to a cap, with jitter on top; where waiting is in vain the next is asked at once; what repetition cannot "
        "mend is never repeated at the same deployment.",
        (
            CHAIN + "test_one_budget_covers_candidate_stable_and_fallbacks",
            CHAIN + "test_every_failure_of_a_candidate_is_rescued_by_stable_at_once",
            RULES + "test_retry_after_in_every_form",
            "gateway/test_retry_after.py::test_jitter_never_comes_earlier_than_asked_nor_much_later",
            RESCUE + "test_a_wait_longer_than_the_cap_is_not_cut_short_but_avoided",
            RESCUE + "test_a_wait_that_total_does_not_leave_goes_on_to_whoever_can_be_asked_now",
            RESCUE + "test_stable_is_never_asked_again_after_what_waiting_cannot_mend",
            CHAIN + "test_the_callers_own_mistake_at_stable_is_final",
        ),
        (
            "429, retry-after in date",
            "429, retry-after beyond the cap",
            "429, retry-after beyond the time left",
            "content filter refuses the prompt",
            "quota exhausted",
            "402",
        ),
    ),
    Point(
        "One silence is enough",
        "When first_token has run out the next is asked, and the silent one not again.",
        (TIMERS + "test_first_token_fails_over_without_waiting_again",),
        ("hang before the content, keepalives flow",),
    ),
    Point(
        "A dead connection costs nothing",
        "A reused connection that dies before any byte is replaced by a fresh one, once, for any form of death.",
        (
            POOL + "test_a_reused_connection_that_dies_silently_is_replaced_once",
            POOL + "test_a_fresh_connection_that_dies_is_not_tried_again",
            POOL + "test_a_reused_connection_that_dies_after_a_byte_is_not_tried_again",
        ),
        ("reused connection reset",),
    ),
    Point(
        "Classes of cost",
        "The answer's tokens are booked to the deployment that gave it, at its own price; those of an attempt that "
        "failed before anything was sent, and those of copies for a candidate, apart from it.",
        (
            CORRECT + "test_the_tokens_of_a_failed_attempt_are_booked_apart",
            ACCOUNTS + "test_cost_is_input_without_cached_cached_and_output",
            CHAIN + "test_a_price_nobody_told_makes_the_cost_unknown",
        ),
    ),
    Point(
        "Four timers",
        "connect, first_token, idle and total run apart; keepalives do not satisfy first_token; without a stream "
        "the wait for the head is bounded by total, of which fallbacks that could still be asked keep their share.",
        (
            TIMERS + "test_first_token_without_a_fallback_is_504",
            TIMERS + "test_a_whole_answer_may_take_longer_than_first_token",
            TIMERS + "test_idle_ends_a_stream_that_stalls",
            TIMERS + "test_idle_does_not_end_a_stream_that_is_only_slow",
            TIMERS + "test_total_bounds_everything",
            TIMERS + "test_a_whole_answer_leaves_its_fallbacks_their_share_of_total",
            TIMERS + "test_total_ends_a_stream_that_goes_on_for_ever",
            TIMERS + "test_a_candidate_never_takes_the_time_of_its_rescue",
            WALL + "test_nothing_takes_longer_than_its_timers_allow",
        ),
        (
            "dial never answered",
            "hang before the headers",
            "slow drip",
            "slow drip before the content",
            "slow drip of content",
            "endless stream",
        ),
    ),
    Point(
        "The client leaves",
        "On every route the upstream request is cancelled, its connection closed and never pooled, and the tokens "
        "are booked, as an estimate where nobody told them. A client that closes only its half gets what is ready at "
        "once; a request that waits for an upstream is cancelled, for a FIN is all that a leaving client sends.",
        (
            LEAVING + "test_the_upstream_is_cancelled_at_once",
            LEAVING + "test_on_every_route_the_upstream_is_cancelled_its_connection_closed_and_the_tokens_booked",
            LEAVING + "test_what_generates_nothing_is_cancelled_too",
            LEAVING + "test_a_client_that_leaves_says_nothing_about_breaker_or_candidate",
            ACCOUNTS + "test_a_broken_or_cancelled_answer_is_estimated_and_marked",
            ACCOUNTS + "test_a_report_that_came_before_the_content_is_completed",
            FRAMING + "test_a_client_that_closed_its_half_gets_what_is_ready_at_once",
            FRAMING + "test_a_client_that_closed_its_half_has_left_a_request_that_waits_for_an_upstream",
            WALL + "test_the_upstream_connection_of_an_abandoned_attempt_is_closed",
        ),
    ),
)
