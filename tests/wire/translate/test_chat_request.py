"""OpenAI chat requests as Anthropic messages requests."""

import pytest
from tests.wire.translate.sdk_requests import assert_messages_request

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.generation import DEFAULT_MAX_TOKENS
from tidegate.wire.translate.chat_request import messages_request
from tidegate.wire.translate.structured import OUTPUT_TOOL

USER = {"role": "user", "content": "hi"}
TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "d",
        "strict": True,
        "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}},
    },
}
SCHEMA = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"], "additionalProperties": False}
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "person", "description": "A person.", "strict": True, "schema": SCHEMA},
}


def _call(call_id, name="f", arguments="{}"):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _translated(**fields):
    chat = {"model": "claude", "messages": [USER]} | fields
    body = messages_request(chat).body
    assert_messages_request(body)
    return body


def _turns(*messages):
    return _translated(messages=list(messages))["messages"]


def test_a_plain_request_gets_the_cap_that_anthropic_requires():
    assert _translated() == {"model": "claude", "messages": [USER], "max_tokens": DEFAULT_MAX_TOKENS}


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_either_spelling_of_the_cap_counts(name):
    assert _translated(**{name: 7})["max_tokens"] == 7


def test_system_and_developer_messages_are_gathered_from_anywhere():
    body = _translated(
        messages=[
            {"role": "system", "content": "one"},
            USER,
            {"role": "developer", "content": [{"type": "text", "text": "two"}]},
        ]
    )
    assert body["system"] == [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert body["messages"] == [USER]


def test_a_single_system_message_stays_a_string():
    assert _translated(messages=[{"role": "system", "content": "one"}, USER])["system"] == "one"


def test_only_system_messages_are_refused_with_a_reason():
    with pytest.raises(MalformedBodyError, match="at least one message") as raised:
        messages_request({"model": "m", "messages": [{"role": "system", "content": "x"}]})
    assert raised.value.where == "messages"


def test_neighbours_of_one_role_become_one_turn():
    turns = _turns(
        USER,
        {"role": "user", "content": "more"},
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b"},
        USER,
    )
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[0]["content"] == [{"type": "text", "text": "hi"}, {"type": "text", "text": "more"}]


def test_empty_text_is_left_out_since_anthropic_rejects_it():
    turns = _turns(
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "x"}]},
        {"role": "assistant", "content": ""},
        USER,
    )
    assert [turn["role"] for turn in turns] == ["user"]


def test_a_conversation_that_starts_with_the_assistant_gets_a_user_turn_first():
    turns = _turns({"role": "assistant", "content": "Welcome!"}, USER)
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]


def test_a_prefill_loses_its_trailing_white_space():
    assert _turns(USER, {"role": "assistant", "content": "The answer is: \n"})[-1]["content"] == "The answer is:"


def test_several_tool_results_stand_first_in_one_user_turn():
    turns = _turns(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [_call("a", arguments='{"x": 1}'), _call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "user", "content": "and?"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "3"}],
        },
    )
    assert turns[1]["content"] == [
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "f", "input": {}},
    ]
    assert [block["type"] for block in turns[2]["content"]] == ["tool_result", "tool_result", "text"]
    assert turns[2]["content"][0] == {"type": "tool_result", "tool_use_id": "a", "content": "1"}
    assert len(turns[2]["content"][1]["content"]) == 2


def test_a_picture_in_a_tools_answer_stays_in_it():
    part = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    turns = _turns(
        USER,
        {"role": "assistant", "tool_calls": [_call("a")]},
        {"role": "tool", "tool_call_id": "a", "content": [part]},
    )
    assert turns[2]["content"][0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
    ]


@pytest.mark.parametrize("arguments", ['{"x": ', "[1]", "nonsense"])
def test_arguments_that_are_no_object_are_kept_whole(arguments):
    turns = _turns(USER, {"role": "assistant", "tool_calls": [_call("a", arguments=arguments)]})
    assert turns[1]["content"][0]["input"] == {"INVALID_JSON": arguments}


def test_ids_outside_anthropics_alphabet_still_match_their_results():
    turns = _turns(
        USER,
        {"role": "assistant", "tool_calls": [_call("functions.f:0"), _call("functions.f_0")]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "x"},
    )
    first, second = (block["id"] for block in turns[1]["content"])
    assert first != second
    assert first.replace("_", "").isalnum()
    assert turns[2]["content"][0]["tool_use_id"] == first


def test_reasoning_of_the_past_stays_behind():
    turns = _turns(
        USER, {"role": "assistant", "content": "a", "reasoning_content": "THOUGHT", "reasoning": "THOUGHT"}, USER
    )
    assert "THOUGHT" not in str(turns)


def test_a_past_refusal_is_the_assistants_text():
    turns = _turns(USER, {"role": "assistant", "content": None, "refusal": "no"}, USER)
    assert turns[1]["content"] == "no"


def test_tools_lose_strict_and_keep_their_schema():
    assert _translated(tools=[TOOL])["tools"] == [
        {"name": "f", "description": "d", "input_schema": TOOL["function"]["parameters"]}
    ]


def test_a_tool_without_parameters_gets_an_empty_schema():
    assert _translated(tools=[{"type": "function", "function": {"name": "f"}}])["tools"][0]["input_schema"] == {
        "type": "object",
        "properties": {},
    }


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        ("auto", None, {"type": "auto"}),
        ("none", None, {"type": "none"}),
        ("none", False, {"type": "none"}),
        ("required", True, {"type": "any"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"type": "function", "function": {"name": "f"}}, None, {"type": "tool", "name": "f"}),
        (
            {"type": "function", "function": {"name": "f"}},
            False,
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_tool_choice_and_parallel_calls_become_one_choice(choice, parallel, expected):
    body = _translated(tools=[TOOL], tool_choice=choice, parallel_tool_calls=parallel)
    assert body.get("tool_choice") == expected


def test_an_unknown_choice_is_refused():
    with pytest.raises(MalformedBodyError, match="no counterpart"):
        _translated(tools=[TOOL], tool_choice={"type": "allowed_tools", "allowed_tools": {}})


def test_a_schema_becomes_a_tool_the_model_must_call():
    translation = messages_request({"model": "m", "messages": [USER], "response_format": FORMAT})
    assert translation.has_output_tool
    (tool,) = translation.body["tools"]
    assert tool["name"] == OUTPUT_TOOL
    assert tool["input_schema"] == SCHEMA
    assert "A person." in tool["description"]
    assert translation.body["tool_choice"] == {"type": "tool", "name": OUTPUT_TOOL, "disable_parallel_tool_use": True}


def test_beside_other_tools_the_model_may_call_one_of_them_or_answer():
    body = _translated(tools=[TOOL], response_format=FORMAT)
    assert [tool["name"] for tool in body["tools"]] == ["f", OUTPUT_TOOL]
    assert body["tool_choice"] == {"type": "any"}


def test_with_tools_forbidden_only_the_output_tool_can_be_called():
    body = _translated(tools=[TOOL], tool_choice="none", response_format=FORMAT)
    assert body["tool_choice"]["name"] == OUTPUT_TOOL


def test_a_named_tool_takes_precedence_over_the_shape_of_an_answer():
    translation = messages_request(
        {
            "model": "m",
            "messages": [USER],
            "tools": [TOOL],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "response_format": FORMAT,
        }
    )
    assert not translation.has_output_tool
    assert translation.body["tool_choice"] == {"type": "tool", "name": "f"}


def test_json_mode_takes_any_object():
    translation = messages_request({"model": "m", "messages": [USER], "response_format": {"type": "json_object"}})
    assert translation.has_output_tool
    assert translation.body["tools"][0]["input_schema"]["type"] == "object"


def test_with_thinking_on_the_schema_goes_to_output_config():
    translation = messages_request(
        {
            "model": "m",
            "messages": [USER],
            "response_format": FORMAT,
            "thinking": {"type": "enabled", "budget_tokens": 2048},
            "temperature": 0.2,
            "top_k": 4,
        }
    )
    assert not translation.has_output_tool
    assert translation.body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert "tools" not in translation.body
    assert not translation.body.keys() & {"temperature", "top_p", "top_k"}
    assert translation.body["max_tokens"] == 2048 + DEFAULT_MAX_TOKENS


def test_plain_text_format_asks_for_nothing():
    assert "tools" not in _translated(response_format={"type": "text"})


@pytest.mark.parametrize(
    "form",
    [
        {"type": "grammar"},
        "json",
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"schema": {"type": "array"}}},
    ],
)
def test_an_unknown_format_is_refused(form):
    with pytest.raises(MalformedBodyError) as raised:
        _translated(response_format=form)
    assert raised.value.where.startswith("response_format")


@pytest.mark.parametrize(("given", "sent"), [(0, 0), (0.3, 0.3), (1, 1), (1.7, 1), (-1, 0)])
def test_temperature_is_cut_to_anthropics_range(given, sent):
    assert _translated(temperature=given)["temperature"] == sent


def test_temperature_wins_over_top_p_since_models_take_only_one():
    body = _translated(temperature=0.5, top_p=0.9, top_k=40)
    assert (body["temperature"], body["top_k"], "top_p" in body) == (0.5, 40, False)
    assert _translated(top_p=0.9)["top_p"] == 0.9


@pytest.mark.parametrize(
    ("stop", "sent"), [("END", ["END"]), (["a", "\n", "b"], ["a", "b"]), (None, None), ([" "], None)]
)
def test_stop_becomes_stop_sequences(stop, sent):
    assert _translated(stop=stop).get("stop_sequences") == sent


def test_the_user_becomes_metadata():
    assert _translated(user="u1")["metadata"] == {"user_id": "u1"}
    assert _translated(safety_identifier="s1")["metadata"] == {"user_id": "s1"}


def test_fields_without_a_counterpart_stay_behind():
    body = _translated(seed=1, frequency_penalty=0.5, logprobs=True, stream_options={"include_usage": True}, min_p=0.1)
    assert body.keys() == {"model", "messages", "max_tokens"}


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ({"role": "function", "name": "f", "content": "x"}, "messages.1.role"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "messages.1.content.0"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages.1.content.0.text"),
        ({"role": "user", "content": 5}, "messages.1.content"),
        ({"role": "assistant", "audio": {"id": "x"}}, "messages.1"),
        ({"role": "assistant", "tool_calls": [{"id": "", "function": {"name": "f"}}]}, "messages.1.tool_calls.0"),
        ({"role": "assistant", "tool_calls": 3}, "messages.1.tool_calls"),
        ({"role": "tool", "content": "x"}, "messages.1.tool_call_id"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]},
            "messages.1.content.0.image_url.url",
        ),
        ("hi", "messages.1"),
    ],
)
def test_what_cannot_cross_is_refused_by_its_place(message, where):
    with pytest.raises(MalformedBodyError) as raised:
        messages_request({"model": "m", "messages": [USER, message]})
    assert raised.value.where == where


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": None},
        {"messages": "x"},
        {"stop": 3},
        {"temperature": "hot"},
        {"tools": {}},
        {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
    ],
)
def test_wrong_shapes_are_refused(fields):
    with pytest.raises(MalformedBodyError):
        messages_request({"model": "m", "messages": [USER]} | fields)
