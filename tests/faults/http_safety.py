"""What the gateway's own HTTP refuses and bounds, with the tests that prove it: ``python -m tests.faults.http_safety``."""

from __future__ import annotations

from tests.faults.points import EXPLANATIONS, Point, listed
from tests.faults.proving_files import (
    ANSWER_BODY,
    ASKING,
    BODIES,
    BOUNDS,
    COMPLAINTS,
    CONNECTION,
    CROWDS,
    DIALLING,
    DOORS,
    DRAINING,
    FRAMING,
    FUZZ,
    HEADS,
    ORIGIN,
    POOL,
    PROCESS,
    READING,
    RESPONDER,
    RULES,
    SERVER,
    STREAMING,
    TLS,
)

PAGE = EXPLANATIONS / "http-safety.md"


POINTS: tuple[Point, ...] = (
    Point(
        "What can be read in two ways is refused",
        "Length with chunks, lengths repeated, malformed or beyond 64 bits, codings other than chunked, chunks in "
        "HTTP/1.0, folded lines, bare line ends, NUL, two hosts, other versions, absolute targets, upgrades and "
        "tunnels: an error, and the connection is closed, so that nothing behind it is served.",
        (
            FRAMING + "test_what_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_served",
            FRAMING + "test_a_pipeline_ends_at_its_first_malformed_request",
            READING + "test_what_two_readers_could_understand_differently_is_refused",
            READING + "test_repeated_list_headers_are_joined_and_repeated_credentials_refused",
        ),
    ),
    Point(
        "What is accepted means the same to others",
        "Whatever the server accepts, h11 reads as the same requests; mutated requests are never served unless h11 "
        "serves them too; short ways for ordinary heads give what llhttp gives. `make fuzz` looks for more, guided "
        "by coverage.",
        (
            READING + "test_what_is_accepted_means_the_same_to_h11",
            READING + "test_any_split_of_the_bytes_gives_the_same_requests",
            READING + "test_a_head_that_is_known_means_what_it_means_to_a_stranger",
            HEADS + "test_a_request_is_judged_alike_when_its_line_is_known",
            HEADS + "test_an_answer_taken_at_once_means_the_same_to_llhttp",
            FUZZ + "test_a_mutated_request_is_never_served_unless_h11_reads_it_too",
        ),
    ),
    Point(
        "Trailers are no headers",
        "They are read over, in requests and answers, whatever they are called.",
        (
            READING + "test_a_chunked_request_with_extensions_and_trailers_keeps_only_the_body",
            ANSWER_BODY + "test_a_trailer_of_an_answer_is_no_header_and_its_connection_is_not_used_again",
        ),
    ),
    Point(
        "Answers of upstreams are judged alike",
        "Ambiguous or malformed ones are refused; a connection with bytes behind an answer, or with unasked ones while "
        "idle, is closed and never used again; so is one whose answer only its close delimits.",
        (
            ASKING + "test_an_ambiguous_or_malformed_answer_is_refused",
            POOL + "test_a_connection_with_bytes_after_the_answer_is_never_pooled",
            POOL + "test_unsolicited_bytes_while_idle_poison_the_connection",
            ANSWER_BODY + "test_an_answer_delimited_by_close_is_read_and_not_pooled",
            ANSWER_BODY + "test_a_broken_chunk_inside_the_body_is_a_protocol_error",
            ASKING + "test_interim_answers_are_skipped",
            FUZZ + "test_a_mutated_answer_never_passes_for_whole",
        ),
        (
            "not HTTP",
            "two lengths",
            "headers beyond all measure",
            "another protocol from now on",
            "interim answers before it",
            "longer than announced",
        ),
    ),
    Point(
        "100-continue is answered",
        "Once, and only while the body is missing; other expectations are refused.",
        (
            BOUNDS + "test_one_hundred_continue",
            READING + "test_one_hundred_continue_is_wanted_only_while_the_body_is_missing",
        ),
    ),
    Point(
        "Limits with clear errors",
        "Header bytes and lines (431), body bytes (413, told before it is read), time to headers and to a body (408) "
        "however it dribbles, idle connections, connections in all.",
        (
            FRAMING + "test_headers_have_bounds",
            READING + "test_limits_have_their_own_answers",
            BODIES + "test_a_body_over_the_limit_is_refused_before_it_is_read",
            BOUNDS + "test_a_request_that_does_not_arrive_in_time_is_a_408",
            BOUNDS + "test_dribbling_does_not_extend_the_time_for_headers_or_body",
            BOUNDS + "test_a_slow_body_that_makes_progress_is_read",
            BOUNDS + "test_an_idle_connection_is_closed_silently",
            BOUNDS + "test_too_many_connections_are_told_so",
            CROWDS + "test_headers_that_dribble_are_cut_off_in_time",
            CROWDS + "test_a_body_that_dribbles_is_cut_off_in_time",
        ),
    ),
    Point(
        "Backpressure both ways",
        "A slow reader makes the upstream wait instead of filling memory, and one that takes nothing is cut off; an "
        "upstream that reads slowly makes the client wait.",
        (
            RESPONDER + "test_a_slow_reader_pauses_the_writer_and_bounds_memory",
            RESPONDER + "test_a_client_that_takes_nothing_is_cut_off",
            STREAMING + "test_a_slow_reader_makes_the_upstream_wait_and_is_no_fault",
            STREAMING + "test_a_reader_that_takes_nothing_stops_an_upstream_that_never_would",
            ANSWER_BODY + "test_pausing_makes_the_upstream_wait_and_bounds_memory",
            ASKING + "test_a_large_body_is_sent_in_slices_while_the_upstream_is_slow",
            CROWDS + "test_a_hundred_slow_readers_are_bounded_by_their_buffers",
        ),
    ),
    Point(
        "What stays on which side",
        "Hop-by-hop headers, credentials and cookies of clients never go upstream; keys, cookies and accounts of "
        "providers never come down, nor what they say about the gateway's own credential.",
        (
            RULES + "test_credentials_cookies_framing_and_hops_stay_with_the_client",
            RULES + "test_a_header_named_by_connection_does_not_travel",
            RULES + "test_framing_cookies_accounts_and_our_own_names_do_not_come_back",
            DOORS + "test_provider_keys_go_upstream_and_client_credentials_do_not",
            "wire/test_upstream_errors.py::test_whatever_looks_like_a_key_is_cut_out_everywhere",
            "faults/test_fault_wall.py::test_nothing_of_an_upstreams_credential_or_address_reaches_a_client",
        ),
    ),
    Point(
        "Pipelines in order",
        "One request after the other, their answers in that order; an endless pipeline is held back.",
        (
            FRAMING + "test_a_pipeline_is_answered_in_order",
            CONNECTION + "test_pipelined_requests_are_answered_in_order_one_at_a_time",
            CONNECTION + "test_an_endless_pipeline_is_held_back_while_a_request_is_served",
            READING + "test_many_small_pipelined_requests_in_one_read",
        ),
    ),
    Point(
        "No value starts another header",
        "Neither in answers nor towards upstreams, whoever the value comes from.",
        (
            RESPONDER + "test_a_header_cannot_inject_another",
            RULES + "test_no_value_can_start_another_header",
            RULES + "test_a_value_that_would_inject_a_header_does_not_travel",
            ORIGIN + "test_a_target_cannot_inject_a_line",
            ORIGIN + "test_a_head_carries_our_framing_and_host_only",
        ),
    ),
    Point(
        "TLS to upstreams is always verified",
        "Against the system's trust store or a file of one's own. Unknown authorities, expired certificates and other "
        "hosts get neither request nor key; why, stands in the log, and clients are told 502.",
        (
            ORIGIN + "test_tls_always_verifies",
            DIALLING + "test_tls_with_an_unknown_authority_or_a_wrong_name_is_refused",
            TLS + "test_a_provider_whose_certificate_is_not_trusted_gets_no_request_and_no_key",
            COMPLAINTS + "test_why_a_certificate_is_not_trusted_is_told_to_operators_and_to_no_client",
        ),
        (
            "certificate of an unknown authority",
            "certificate that has expired",
            "certificate of another host",
        ),
    ),
    Point(
        "Only to configured addresses",
        "Redirects are never followed. Both address families are tried, names are resolved again and kept while the "
        "resolver fails; `HTTPS_PROXY` and `NO_PROXY` are honoured, with TLS to the provider inside the tunnel.",
        (
            DIALLING + "test_the_other_family_is_tried_when_the_first_fails_or_hangs",
            DIALLING + "test_names_are_resolved_again_after_a_while_and_kept_while_the_resolver_fails",
            DIALLING + "test_https_through_a_connect_proxy",
            PROCESS + "test_which_providers_are_reached_through_the_proxy",
            PROCESS + "test_a_provider_is_reached_through_the_proxy_and_its_certificate_must_be_good",
        ),
        (
            "redirect, 301",
            "redirect, 302",
            "redirect, 303",
            "redirect, 307",
            "redirect, 308",
            "redirect whose body hangs",
        ),
    ),
    Point(
        "Strange bodies",
        "Deep JSON, invalid UTF-8, keys given twice, what is no object: 400 in the client's dialect. Bodies up to "
        "100 MB leave the others their latency (`make bench-stall` measures by how much).",
        (
            BODIES + "test_a_strange_body_is_the_callers_mistake_in_the_callers_dialect",
            BODIES + "test_a_large_body_leaves_the_others_their_latency",
            BODIES + "test_bodies_of_a_hundred_megabytes_leave_the_others_their_latency",
        ),
    ),
    Point(
        "Crowds",
        "Ten thousand idle connections, a hundred readers that take nothing, more connections than descriptors, "
        "clients that connect and reset: the process lives, memory is bounded, and afterwards nothing is left of them.",
        (
            CROWDS + "test_two_thousand_idle_connections_cost_little_and_disturb_nobody",
            CROWDS + "test_ten_thousand_idle_connections_cost_little_and_disturb_nobody",
            CROWDS + "test_more_connections_than_descriptors_neither_kill_the_process_nor_stay",
            CROWDS + "test_at_the_descriptor_limit_a_request_that_needs_an_upstream_gets_an_answer",
            CROWDS + "test_clients_that_connect_and_reset_leave_nothing",
            SERVER + "test_no_task_and_no_descriptor_is_left_behind",
        ),
    ),
    Point(
        "Half-closed clients",
        "They get what is ready at once; a request that waits for an upstream is cancelled, for a FIN is all that a "
        "leaving client sends.",
        (
            FRAMING + "test_a_client_that_closed_its_half_gets_what_is_ready_at_once",
            FRAMING + "test_a_client_that_closed_its_half_has_left_a_request_that_waits_for_an_upstream",
            CONNECTION + "test_a_half_closed_client_gets_what_is_ready_at_once",
        ),
    ),
    Point(
        "Restarts",
        "Of two processes on one socket either serves what arrives in the instant of a change; kept connections are "
        "told to go, streams finish within the drain time.",
        (
            DRAINING + "test_clients_that_hammer_kept_connections_move_from_one_server_to_the_next_without_a_failure",
            DRAINING + "test_connections_that_arrive_in_the_instant_of_the_drain_are_served_by_either",
            DRAINING + "test_a_request_that_crosses_the_end_of_an_idle_connection_is_not_reset",
            "e2e/test_zero_downtime.py::test_a_rolling_restart_with_a_new_key_and_service_fails_nothing_with_one_worker",
            "e2e/test_zero_downtime.py::test_control_killed_stopped_and_publishing_all_the_time_disturbs_no_request",
        ),
    ),
)

_HEAD = """# HTTP, and clients that mean harm

<!-- Rendered from tests/faults/http_safety.py by `python -m tests.faults.http_safety`; a test keeps it current. -->

Server and client of the gateway are its own, so their safety is, too. They refuse and never repair. Each point with
the tests that prove it; those of `tests/hostile` attack a real gateway process, which must outlive all of them and
have no bug to report at the end. Rows of [the fault wall](faults.md) are named where they prove a point.
"""


def rendered() -> str:
    """The page."""
    return f"{_HEAD}\n{listed(POINTS)}"


if __name__ == "__main__":
    PAGE.write_text(rendered())
