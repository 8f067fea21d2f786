"""Facts about the dialects that bite, with the tests that prove they do not: ``python -m tests.faults.dialect_facts``."""

from __future__ import annotations

from tests.faults.points import EXPLANATIONS, Point, listed

PAGE = EXPLANATIONS / "dialects.md"

RENDER, TEMPLATES, USAGE = "wire/test_render.py::", "wire/test_template.py::", "wire/test_usage.py::"
EXCHANGE, FIELDS, ANSWERS = (
    "wire/translate/test_exchange.py::",
    "wire/translate/test_fields.py::",
    "wire/translate/test_answers.py::",
)
CHAT, MESSAGES = "wire/translate/test_chat_request.py::", "wire/translate/test_messages_request.py::"
TO_CHAT, TO_MESSAGES = "wire/translate/test_chat_stream.py::", "wire/translate/test_messages_stream.py::"
DOORS, STREAMING = "gateway/test_front_doors.py::", "gateway/test_streaming.py::"
SDKS = "wire/translate/test_sdk_clients.py::"

POINTS: tuple[Point, ...] = (
    Point(
        "What Anthropic requires is supplied",
        "`max_tokens` and `anthropic-version`, in either spelling of the cap and between its bounds.",
        (
            CHAT + "test_a_plain_request_gets_the_cap_that_anthropic_requires",
            CHAT + "test_either_spelling_of_the_cap_counts",
            EXCHANGE + "test_the_way_to_anthropic_is_its_own",
            RENDER + "TestMessages::test_the_required_cap_is_supplied",
        ),
    ),
    Point(
        "max_tokens and max_completion_tokens are one parameter",
        "Whichever the client, the version or the model knows.",
        (
            RENDER + "test_both_spellings_of_the_cap_are_one_parameter",
            RENDER + "test_either_spelling_unlocks_the_cap",
            MESSAGES + "test_the_cap_has_the_name_the_model_takes",
        ),
    ),
    Point(
        "Keys and request ids as each client sends and expects them",
        "`authorization` or `x-api-key`; `x-request-id`, and `request-id` for Anthropic's clients; the provider's own id "
        "under another name.",
        (
            DOORS + "test_a_key_is_taken_from_either_header",
            DOORS + "test_every_anthropic_door_serves",
            DOORS + "test_the_upstreams_request_id_comes_back_under_another_name",
        ),
    ),
    Point(
        "Tokens read are all tokens read",
        "OpenAI's `prompt_tokens` are Anthropic's input with what was read from and written to its cache; cached and "
        "reasoning tokens are kept.",
        (
            USAGE + "test_anthropic_input_is_everything_read",
            ANSWERS + "test_text_and_usage_become_a_completion",
            ANSWERS + "test_text_and_usage_become_a_message",
        ),
    ),
    Point(
        "count_tokens towards OpenAI",
        "An estimate of the gateway's own, marked as such, with the version's prompt in it; nobody is asked.",
        (
            EXCHANGE + "test_tokens_are_counted_here_with_the_versions_prompt_and_marked_as_an_estimate",
            DOORS + "test_tokens_are_counted_here_where_the_upstream_cannot",
            "wire/translate/test_estimate.py::test_an_estimate_is_of_the_right_size",
        ),
    ),
    Point(
        "Refusals are counted from structured signals only",
        "The `refusal` field, stop reasons and filters; never from words.",
        (
            STREAMING + "test_refusals_and_filtered_answers_are_told_from_answers",
            TO_CHAT + "test_a_refusal_is_told_by_the_refusal_field_and_a_filter_reason",
            TO_MESSAGES + "test_a_refusal_is_text_with_the_refusal_reason",
        ),
        ("refusal", "content filter cuts the answer"),
    ),
    Point(
        "The version's prompt",
        "Its system prompt stands before the client's, instead of it or not at all, as `system_policy` says; examples "
        "follow it.",
        (
            RENDER + "test_messages_follow_the_rule_of_order",
            RENDER + "TestMessages::test_it_goes_before_the_client_s_text",
            RENDER + "TestMessages::test_replace_and_keep",
            RENDER + "TestMessages::test_few_shot_opens_the_messages",
            EXCHANGE + "test_system_policies_hold_towards_anthropic",
            EXCHANGE + "test_system_policies_hold_towards_openai",
        ),
    ),
    Point(
        "Variables of the prompt",
        "They arrive in `tidegate.variables`, which never goes upstream; a missing one is named; values are data, "
        "not templates.",
        (
            RENDER + "TestTemplates::test_variables_and_defaults_are_put_in_unescaped",
            RENDER + "TestTemplates::test_a_missing_variable_is_named",
            RENDER + "test_the_tidegate_field_never_goes_upstream",
            TEMPLATES + "test_values_are_data_not_templates",
            EXCHANGE + "test_variables_are_rendered_and_our_field_is_stripped",
        ),
    ),
    Point(
        "Parameters of the version",
        "They fill what the client left open; what clients may not override is the version's alone.",
        (
            RENDER + "test_defaults_fill_what_the_client_left_open",
            RENDER + "test_a_locked_parameter_is_the_bundle_s_or_nobody_s",
            EXCHANGE + "test_generation_defaults_fill_what_the_client_left_open_towards_anthropic",
            EXCHANGE + "test_generation_defaults_fill_what_the_client_left_open_towards_openai",
            EXCHANGE + "test_what_may_not_be_overridden_is_the_versions",
        ),
    ),
    Point(
        "Nothing is forgotten on the way across",
        "Every field that the official SDKs know has a rule; what cannot cross is refused by its name with a way out "
        "(`n` above 1 among them), what is left out is told.",
        (
            FIELDS + "test_every_field_of_the_sdk_has_a_rule",
            FIELDS + "test_every_refused_chat_field_names_itself_and_its_remedy",
            FIELDS + "test_an_unknown_field_is_refused_rather_than_forgotten",
            FIELDS + "test_every_dropped_field_is_reported",
            EXCHANGE + "test_a_client_is_told_what_anthropic_cannot_do",
            EXCHANGE + "test_other_endpoints_are_refused_with_a_way_out",
        ),
    ),
    Point(
        "Tools cross both ways",
        "Definitions, choices, parallel calls and their results, whole and streamed; long names come back whole.",
        (
            CHAT + "test_tool_choice_and_parallel_calls_become_one_choice",
            CHAT + "test_several_tool_results_stand_first_in_one_user_turn",
            MESSAGES + "test_tool_results_follow_their_calls_before_the_users_words",
            MESSAGES + "test_long_tool_names_are_shortened_alike_everywhere",
            ANSWERS + "test_tool_use_becomes_tool_calls_without_content",
            ANSWERS + "test_tool_calls_become_tool_use_whatever_the_reason_says",
            "e2e/clients/test_openai_content.py::test_parallel_calls_and_their_results",
            "e2e/clients/test_anthropic_content.py::test_parallel_calls_and_their_results",
        ),
    ),
    Point(
        "Quirks of servers",
        "Recorded as each of them sends: reasoning of vLLM, no `[DONE]` of `transformers serve`, a `[DONE]` of "
        "llama.cpp's Python server behind an answer that it cut off, parallel calls that share an index, usage in "
        "every chunk, behind the finish, in odd places or nowhere, comments of OpenRouter, errors midway.",
        (
            TO_MESSAGES + "test_every_stream_is_valid_for_the_sdk",
            TO_MESSAGES + "test_a_stream_without_done_is_complete_by_its_finish_reason",
            TO_MESSAGES + "test_done_without_a_finish_reason_ends_nothing_if_the_body_broke_off",
            TO_MESSAGES + "test_a_stream_without_usage_is_whole_all_the_same",
            TO_MESSAGES + "test_calls_that_share_index_zero_stay_apart_and_get_ids_anthropic_takes",
            TO_MESSAGES + "test_usage_in_every_chunk_is_the_last_one_not_the_sum",
            TO_MESSAGES + "test_an_older_vllm_error_object_is_an_error_too",
            TO_CHAT + "test_every_chunk_is_a_chunk_of_the_sdk",
            SDKS + "test_the_openai_client_reads_an_anthropic_upstream",
            SDKS + "test_the_anthropic_client_reads_an_openai_upstream",
        ),
        ("error in a 200", "odd shape"),
    ),
)

_HEAD = """# Where the dialects differ

<!-- Rendered from tests/faults/dialect_facts.py by `python -m tests.faults.dialect_facts`; a test keeps it current. -->

Facts about the dialects of OpenAI and Anthropic, and of servers that speak them nearly, what the gateway does about
each, and the tests that prove it. What official clients see of it stands in [their own table](clients.md).
"""


def rendered() -> str:
    """The page."""
    return f"{_HEAD}\n{listed(POINTS)}"


if __name__ == "__main__":
    PAGE.write_text(rendered())
