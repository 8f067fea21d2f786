"""The points in which streams go wrong, each with the tests that prove it: ``python -m tests.faults.correctness``."""

from __future__ import annotations

from tests.faults.points import EXPLANATIONS, Point, listed

PAGE = EXPLANATIONS / "streaming-correctness.md"

SSE, CHAT, MESSAGES = "wire/test_sse.py::", "wire/test_relay_chat.py::", "wire/test_relay_messages.py::"
RESPONSES, RENDER, HTTP = "wire/test_relay_responses.py::", "wire/test_render.py::", "wire/test_http_rules.py::"
TO_CHAT, TO_MESSAGES = "wire/translate/test_chat_stream.py::", "wire/translate/test_messages_stream.py::"
ANSWERS, REQUESTS = "wire/translate/test_answers.py::", "wire/translate/test_chat_request.py::"
STREAMING, CORRECT = "gateway/test_streaming.py::", "gateway/test_stream_correctness.py::"
LIMITS, LIMITER = "gateway/test_key_limits.py::", "gateway/limits/test_limiter.py::"
LEASES = "controller/test_key_leases.py::"
CHAIN, RESCUE, TIMERS = "gateway/test_rescue_chain.py::", "gateway/test_rescue.py::", "gateway/test_timers.py::"
LEAVING, REFLEXES, BREAKER = (
    "gateway/test_disconnects.py::",
    "gateway/test_reflexes.py::",
    "gateway/test_breaker.py::",
)
POOL, ASKING = "gateway/http/test_pool.py::", "gateway/http/test_upstream_connection.py::"
RESPONDER, DRAINING, REQUEST_READING = (
    "gateway/http/test_responder.py::",
    "gateway/http/test_draining.py::",
    "gateway/http/test_requests.py::",
)
WALL, FUZZ, BODIES, FRAMING = (
    "faults/test_fault_wall.py::",
    "hostile/test_fuzz.py::",
    "hostile/test_bodies.py::",
    "hostile/test_framing.py::",
)
JSON, ACCOUNTS, DOORS = "wire/test_json_object.py::", "gateway/test_accounting.py::", "gateway/test_front_doors.py::"

POINTS: tuple[Point, ...] = (
    Point(
        "Reads are not events",
        "Events are split on blank lines whatever the line ends, wherever the network cuts; a byte order mark may "
        "lead; a character cut in two arrives whole.",
        (
            SSE + "test_any_chunking_gives_the_same_events",
            SSE + "test_a_crlf_that_straddles_two_reads_is_one_line_end",
            SSE + "test_a_character_cut_by_the_network_arrives_whole",
            CHAT + "test_a_byte_order_mark_is_taken_off",
            STREAMING + "test_whatever_shape_a_stream_has_its_text_arrives",
        ),
        ("odd shape",),
    ),
    Point(
        "Every field survives",
        "`data:` with and without its space, several `data:` lines, `event:`, `id:` and `retry:` pass unchanged.",
        (
            SSE + "test_every_field_survives",
            SSE + "test_only_one_space_belongs_to_the_field",
            SSE + "test_data_is_found_in_every_writing",
            SSE + "test_data_agrees_with_a_naive_reading_of_the_standard",
            CHAT + "test_without_stripping_whole_events_pass_byte_for_byte",
        ),
    ),
    Point(
        "Comments are signs of life",
        "They are passed on, never read as JSON, and never the first token.",
        (
            SSE + "test_a_comment_has_no_data_and_an_empty_data_line_has",
            CHAT + "test_what_is_not_content_does_not_commit",
            TO_CHAT + "test_a_comment_stays_a_comment",
            TO_MESSAGES + "test_a_comment_is_a_ping",
        ),
        ("hang before the content, keepalives flow",),
    ),
    Point(
        "One malformed event",
        "It neither ends the stream nor is lost in silence: it is counted. In its own dialect it is passed on; "
        "where events are translated it is left out.",
        (
            CHAT + "test_malformed_events_are_counted_and_end_nothing",
            STREAMING + "test_a_malformed_event_is_passed_on_and_counted",
            TO_CHAT + "test_a_malformed_event_is_counted_and_left_out",
            TO_MESSAGES + "test_malformed_events_are_counted_and_left_out",
            FUZZ + "test_a_mutated_stream_ends_whole_or_in_an_error",
        ),
        ("one malformed event",),
    ),
    Point(
        "What is an end",
        "`[DONE]`, `message_stop`, `response.completed`, `response.incomplete`, or a finish reason of every choice "
        "asked for; a missing terminator is supplied. A body that ends without any of them is a truncation.",
        (
            CHAT + "TestEnds::test_neither_terminator_nor_finish_reason_is_a_truncation",
            CHAT + "TestEnds::test_a_missing_terminator_is_supplied_behind_a_finish_reason",
            MESSAGES + "test_neither_message_stop_nor_stop_reason_is_a_truncation",
            RESPONSES + "test_an_end_without_a_terminal_event_is_a_truncation",
            RESPONSES + "test_an_incomplete_response_is_an_end_with_its_reason",
            CORRECT + "test_an_answer_without_any_content_is_an_answer",
            WALL + "test_after_the_first_byte_a_broken_stream_never_looks_complete",
        ),
        (
            "ended early, after content",
            "terminator missing behind a finish reason",
            "cut where only the close delimits",
            "empty answer",
        ),
    ),
    Point(
        "Errors in the client's dialect",
        'OpenAI gets `data: {"error":…}` and no `[DONE]`, Anthropic `event: error`, Responses `response.failed`.',
        (
            "wire/test_dialect_errors.py::test_an_openai_stream_ends_with_an_error_and_no_terminator",
            "wire/test_dialect_errors.py::test_an_anthropic_stream_ends_with_an_error_event",
            "wire/test_dialect_errors.py::test_a_response_stream_ends_with_response_failed",
            "wire/test_dialect_errors.py::test_the_openai_sdk_raises_on_our_event",
            "wire/test_dialect_errors.py::test_the_anthropic_sdk_raises_on_our_event",
            WALL + "test_the_client_sees",
        ),
        ("error event, after content", "hang mid-stream"),
    ),
    Point(
        "Broken framing",
        "When the upstream broke off without an error event, the chunked coding is broken behind ours, so that no "
        "reader takes the answer for whole. An upstream's own error event ends in whole framing.",
        (
            STREAMING + "test_a_stream_that_breaks_after_content_ends_in_an_error_event_and_broken_framing",
            STREAMING + "test_the_upstreams_own_error_event_ends_the_stream_properly",
            RESPONDER + "test_a_chunked_answer_and_its_abortion",
        ),
        ("reset after the first byte, after content", "connection closed inside a chunk, after content"),
    ),
    Point(
        "Flushed, not compressed",
        "Each read of the upstream is passed on at once, with `cache-control: no-cache` and `x-accel-buffering: no`.",
        (STREAMING + "test_bytes_arrive_as_they_come",),
    ),
    Point(
        "Identity is asked for",
        "Upstreams are asked for identity coding; gzip that comes all the same is undone, within a bound.",
        (
            DOORS + "test_provider_keys_go_upstream_and_client_credentials_do_not",
            CHAIN + "test_an_answer_compressed_against_our_wish_is_read",
        ),
        ("gzip against our wish",),
    ),
    Point(
        "Held until content",
        "Status, headers and bytes wait for the first content event; text, reasoning, refusals and tool calls are "
        "content, roles, empty deltas, `message_start` and pings are not. Until then every fault can be rescued.",
        (
            CHAT + "test_what_is_not_content_does_not_commit",
            CHAT + "test_text_reasoning_refusal_and_tool_deltas_commit",
            MESSAGES + "test_what_is_not_content_does_not_commit",
            MESSAGES + "test_text_thinking_and_tool_events_commit",
            RESPONSES + "test_deltas_and_tool_items_commit",
            STREAMING + "test_a_stream_that_ends_before_content_is_rescued",
            WALL + "test_with_somebody_healthy_and_nothing_sent_the_answer_is_whole",
        ),
        ("error event, before content", "ended early, before content"),
    ),
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
            HTTP + "test_retry_after_in_every_form",
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
    Point(
        "Usage",
        "It is asked for when the client did not, and then hidden again; the last report counts, never a sum; "
        "Anthropic's cumulative reports replace each other; cached and reasoning tokens are kept.",
        (
            RENDER + "TestUsageInStreams::test_it_is_asked_for_when_the_client_did_not",
            CHAT + "TestUsageThatTheClientDidNotAskFor::test_the_extra_chunk_and_the_nulls_are_cut",
            CHAT + "test_usage_is_the_last_one_told_never_a_sum",
            CHAT + "test_usage_behind_the_finish_counts",
            MESSAGES + "test_cumulative_usage_replaces_and_is_never_summed",
            "wire/test_usage.py::test_a_later_report_replaces_only_what_it_tells",
            STREAMING + "test_usage_is_asked_for_counted_and_hidden_from_who_did_not_ask",
        ),
    ),
    Point(
        "Tool calls",
        "Fragments are routed by `index`, names and ids come once, arguments are strings of partial JSON; towards "
        "Anthropic one block is open at a time, with indices in sequence and `stop_reason` in the last delta.",
        (
            TO_CHAT + "test_parallel_tool_calls_name_themselves_once_and_always_have_arguments_that_parse",
            TO_MESSAGES + "test_a_tool_call_streams_its_input",
            TO_MESSAGES + "test_interleaved_calls_become_blocks_one_after_another",
            TO_MESSAGES + "test_any_interleaving_of_parallel_calls_gives_ordered_blocks_with_whole_inputs",
            TO_MESSAGES + "test_usage_that_comes_after_the_finish_reason_is_in_the_last_delta",
        ),
    ),
    Point(
        "Several choices",
        "They interleave and all must finish; a choice that was asked for and never began is missing.",
        (
            CHAT + "TestEnds::test_every_choice_must_finish",
            CHAT + "TestEnds::test_a_choice_that_was_asked_for_and_never_began_is_missing",
            CORRECT + "test_choices_interleave_and_all_arrive",
            CORRECT + "test_a_stream_that_ends_before_another_choice_began_is_truncated",
        ),
    ),
    Point(
        "Reasoning stays with its maker",
        "Reasoning content and signatures never cross to a provider of the other dialect.",
        (
            TO_CHAT + "test_thinking_and_its_signature_never_reach_the_client_but_count_as_a_sign_of_life",
            TO_MESSAGES + "test_reasoning_is_a_ping_and_never_text",
            ANSWERS + "test_thinking_stays_behind",
            REQUESTS + "test_reasoning_of_the_past_stays_behind",
            "wire/translate/test_messages_request.py::test_thinking_and_signatures_stay_behind_and_are_counted",
        ),
    ),
    Point(
        "Finish reasons",
        "They are mapped both ways.",
        (
            ANSWERS + "test_stop_reasons_become_finish_reasons",
            ANSWERS + "test_finish_reasons_become_stop_reasons",
            "wire/translate/test_round_trip.py::test_an_answer_means_the_same_after_both_ways",
        ),
    ),
    Point(
        "Breakers",
        "One per deployment: a bad key benches only its own; a single deployment is never benched for ever; one "
        "probe goes before it admits again.",
        (
            REFLEXES + "test_a_bad_key_benches_its_own_deployment_only",
            REFLEXES + "test_a_single_deployment_is_never_benched_for_ever",
            REFLEXES + "test_a_blocking_deployment_is_passed_over_and_admitted_after_a_probe",
            BREAKER + "test_after_the_back_off_one_probe_at_a_time_goes_through",
        ),
    ),
    Point(
        "The model that answered",
        "It is recorded as the upstream names it, and the version that served is told in the headers.",
        (CORRECT + "test_the_model_that_answered_is_the_one_reported",),
    ),
    Point(
        "Limits",
        "A key's requests, tokens and money are reserved together before the request (input and `max_tokens`) and trued "
        "up at its end; together gateways keep to the limit. A provider's requests at once are bounded too.",
        (
            LIMITS + "test_tokens_and_money_are_trued_up_by_what_the_answer_used",
            LIMITS + "test_an_openai_client_is_told_in_its_words",
            LIMITS + "test_an_anthropic_client_is_told_in_its_words",
            LIMITS + "test_at_once_means_at_once_and_a_client_that_leaves_makes_room",
            LIMITER + "test_a_refused_request_takes_nothing_of_any_limit",
            LIMITER + "test_before_control_has_spoken_only_a_starting_slice_of_money_may_be_spent",
            LEASES + "test_however_beats_and_requests_interleave_the_budget_is_spent_to_its_end_and_never_beyond",
            LEASES + "test_whoever_leads_next_knows_what_was_spent_and_what_was_reserved_for_an_unknown_cost",
            CHAIN + "test_a_full_provider_is_passed_over_or_answers_429",
        ),
    ),
    Point(
        "One table per request",
        "A request keeps the table it started with; new ones never cut a stream; a stop lets streams finish.",
        (
            CHAIN + "test_a_request_keeps_the_table_it_started_with",
            CORRECT + "test_new_tables_never_cut_a_stream_and_the_old_version_books_it",
            LEAVING + "test_draining_lets_a_stream_finish",
            DRAINING + "test_draining_is_bounded",
        ),
    ),
    Point(
        "Clocks",
        "Durations are of a monotonic clock; time to first token ends when the first content event is sent.",
        (
            STREAMING + "test_bytes_arrive_as_they_come",
            CORRECT + "test_an_answer_without_any_content_is_an_answer",
            CORRECT + "test_a_wall_clock_that_is_set_back_shortens_nothing",
        ),
    ),
    Point(
        "Large bodies",
        "Up to 100 MB are parsed once and sent as slices around what is put in; others keep their latency; a key "
        "given twice is refused.",
        (
            RENDER + "test_a_large_body_goes_up_as_views_of_the_client_s_bytes",
            ASKING + "test_a_large_body_is_sent_in_slices_while_the_upstream_is_slow",
            BODIES + "test_a_large_body_leaves_the_others_their_latency",
            BODIES + "test_bodies_of_a_hundred_megabytes_leave_the_others_their_latency",
            BODIES + "test_a_strange_body_is_the_callers_mistake_in_the_callers_dialect",
            JSON + "test_a_key_twice_is_refused_wherever_and_however_it_is_written",
        ),
    ),
)

_HEAD = """# What is right about a stream

<!-- Rendered from tests/faults/correctness.py by `python -m tests.faults.correctness`; a test keeps it current. -->

The points in which streams of language models go wrong between a client and an upstream, what the gateway does
about each, and the tests that prove it. [Faults](faults.md) lists what a client sees of every fault; its rows
are named here where they prove a point. [HTTP](http-safety.md) and [dialects](dialects.md) have pages of their own.
"""


def rendered() -> str:
    """The page."""
    return f"{_HEAD}\n{listed(POINTS)}"


if __name__ == "__main__":
    PAGE.write_text(rendered())
