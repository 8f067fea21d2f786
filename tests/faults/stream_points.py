"""What is right about the events of a stream, and about their end."""

from __future__ import annotations

from tests.faults.points import Point
from tests.faults.proving_files import (
    CHAIN,
    CHAT,
    CORRECT,
    DOORS,
    FUZZ,
    MESSAGES,
    RESPONDER,
    RESPONSES,
    SSE,
    STREAMING,
    TO_CHAT,
    TO_MESSAGES,
    WALL,
)

EVENTS: tuple[Point, ...] = (
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
        "asked for; a missing terminator is supplied. A body that ends without any of them is a truncation, and so is one "
        "that breaks off behind a `[DONE]` without a finish reason.",
        (
            CHAT + "TestEnds::test_neither_terminator_nor_finish_reason_is_a_truncation",
            CHAT + "TestEnds::test_a_missing_terminator_is_supplied_behind_a_finish_reason",
            CHAT + "TestEnds::test_a_terminator_without_a_finish_reason_counts_if_the_body_ends_in_order",
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
            "cut behind a `[DONE]` too early",
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
)
