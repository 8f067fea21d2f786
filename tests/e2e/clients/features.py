"""Which feature each test shows, for the table of clients; a test without a feature fails."""

from __future__ import annotations

FEATURES: dict[str, str] = {
    name: feature
    for feature, names in {
        "chat": ("a_whole_answer", "an_answer_cut_by_the_token_limit", "several_choices", "a_document"),
        "streaming": (
            "chunks_of_a_stream",
            "events_of_a_stream_come_in_their_order",
            "a_stream_cut_into_odd_pieces",
        ),
        "stream helper": ("the_stream_helper_accumulates",),
        "async client": ("the_asynchronous_client",),
        "50 streams at once": ("fifty_openai_streams", "fifty_anthropic_streams"),
        "usage": ("usage_whole_and_streamed_agree",),
        "version's prompt": ("the_versions_prompt_goes_upstream", "a_developer_message_is_a_system_prompt"),
        "refusals and filters": ("a_refusal", "a_filtered_answer"),
        "reasoning, between equal dialects": (
            "reasoning_reaches_a_client_of_the_same_dialect_alone",
            "thinking_reaches_a_client_of_the_same_dialect_alone",
        ),
        "tools": (
            "a_tool_call",
            "a_call_can_be_demanded",
            "no_call_when_none_is_wanted",
            "one_call_at_a_time_is_passed_on",
            "a_long_tool_name_comes_back_whole",
            "parsed_tool_arguments",
        ),
        "parallel tools, results sent back": ("parallel_calls_and_their_results", "the_tool_runner"),
        "streamed tools": ("streamed_calls_accumulate", "fragments_name_the_call_only_once"),
        "structured output": ("parse_gives_the_declared_type", "a_streamed_schema_parses", "any_json_object"),
        "images": ("pictures",),
        "embeddings": ("embeddings", "embeddings_as_plain_numbers"),
        "completions": ("completions_whole_and_streamed",),
        "responses": (
            "responses_whole",
            "responses_streamed",
            "responses_with_tools_and_their_results",
            "responses_stream_a_call",
            "responses_parse_a_schema",
            "responses_fail_midway",
        ),
        "embeddings refused": ("embeddings_towards_anthropic_are_refused",),
        "completions refused": ("completions_towards_anthropic_are_refused",),
        "responses refused": ("responses_towards_anthropic_are_refused",),
        "count tokens": ("count_tokens",),
        "list of models": ("the_list_of_models",),
        "errors": (
            "failures_of_the_model",
            "the_models_own_words_reach_the_caller",
            "codes_that_callers_act_on",
            "when_to_come_back",
            "a_wrong_key",
            "a_key_without_the_service",
            "an_unknown_service",
            "a_request_that_makes_no_sense",
            "an_endpoint_we_do_not_have",
        ),
        "errors midway": ("an_error_midway_is_raised", "the_helper_raises_an_error_midway"),
        "retries": (
            "the_client_waits_as_long_as_asked_and_tries_again",
            "the_client_tries_again_after_a_server_error",
            "a_rescued_request_says_how_often_it_was_tried",
        ),
        "timeouts": ("the_clients_own_timeout", "the_clients_own_timeout_within_a_stream"),
        "abort": ("leaving_a_stream_reaches_the_upstream", "a_cancelled_task_reaches_the_upstream"),
        "headers": (
            "raw_response_headers",
            "headers_of_a_stream",
            "the_keys_of_either_side_stay_on_their_side",
            "beta_endpoints_and_their_headers",
        ),
    }.items()
    for name in names
}
_BOTH = ("openai", "anthropic")
_UPSTREAMS = {
    "embeddings refused": ("anthropic",),
    "completions refused": ("anthropic",),
    "responses refused": ("anthropic",),
    "list of models": _BOTH,
}


def upstreams_of(feature: str) -> tuple[str, ...]:
    """Where a test that names no upstream shows ``feature``."""
    return _UPSTREAMS.get(feature, ("openai",))
