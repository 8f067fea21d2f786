"""What is right about what an answer says and costs, and about what all requests share."""

from __future__ import annotations

from tests.faults.points import Point
from tests.faults.proving_files import (
    ANSWERS,
    ASKING,
    BODIES,
    BREAKER,
    CHAIN,
    CHAT,
    CORRECT,
    DRAINING,
    JSON,
    LEASES,
    LEAVING,
    LIMITER,
    LIMITS,
    MARKING,
    MESSAGES,
    REASONING,
    REFLEXES,
    RENDER,
    REQUESTS,
    RETURNING,
    STREAMING,
    TO_CHAT,
    TO_MESSAGES,
)

CONTENT: tuple[Point, ...] = (
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
        "Reasoning content and signatures never cross to a provider of the other dialect. Within one dialect each attempt "
        "gets what its own provider signed, as that signed it, and no trace of what another did: opaque parts carry a mark "
        "of their maker, and parts without one go to whom the request is sent first.",
        (
            REASONING + "test_the_maker_gets_back_what_it_signed",
            REASONING + "test_a_fallback_gets_no_trace_of_it_and_the_answer_is_whole",
            REASONING + "test_a_candidate_goes_on_with_what_stable_began",
            REASONING + "test_the_rescue_of_a_candidate_gets_no_trace_and_later_each_gets_its_own",
            REASONING + "test_unsigned_reasoning_goes_to_whom_the_request_is_sent_first_and_to_nobody_else",
            REASONING + "test_a_copy_for_a_candidate_gets_no_trace_of_stables_reasoning",
            REASONING + "test_accounts_of_one_maker_take_back_each_others_reasoning",
            REASONING + "test_a_rescue_in_the_middle_of_a_tool_turn_goes_on_without_thinking",
            REASONING + "test_what_only_looks_like_a_mark_passes_as_it_was_sent",
            MARKING + "test_without_its_marks_a_stream_is_what_the_upstream_sent",
            RETURNING + "test_a_history_of_own_making_goes_back_byte_for_byte",
            RETURNING + "test_what_is_sent_is_what_plain_values_say",
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
