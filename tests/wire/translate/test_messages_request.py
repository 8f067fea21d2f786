"""Anthropic messages requests as OpenAI chat requests."""

import json

import pytest
from tests.wire.translate.sdk_requests import assert_chat_request

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.translate.messages_request import chat_request

USER = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"], "additionalProperties": False}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}}


def _use(call_id, tool_input=None):
    return {"type": "tool_use", "id": call_id, "name": "f", "input": tool_input or {}}


def _translation(model="local", generation=None, **fields):
    translation = chat_request({"model": "svc", "messages": [USER], "max_tokens": 9} | fields, model, generation or {})
    assert_chat_request(translation.body)
    return translation


def _translated(**fields):
    return _translation(**fields).body


def _messages(*messages):
    return _translated(messages=list(messages))["messages"]


def test_a_plain_request_keeps_its_text():
    assert _translated() == {"model": "svc", "messages": [USER], "max_tokens": 9}


@pytest.mark.parametrize(
    ("model", "generation", "name"),
    [
        ("gpt-4o", {}, "max_tokens"),
        ("Qwen/Qwen3-8B", {}, "max_tokens"),
        ("o3-mini", {}, "max_completion_tokens"),
        ("openai/gpt-5-nano", {}, "max_completion_tokens"),
        ("gpt-4o", {"max_completion_tokens": 5}, "max_completion_tokens"),
        ("o3", {"max_tokens": 5}, "max_tokens"),
    ],
)
def test_the_cap_has_the_name_the_model_takes(model, generation, name):
    body = _translation(model, generation).body
    assert body[name] == 9
    assert len(body.keys() & {"max_tokens", "max_completion_tokens"}) == 1


@pytest.mark.parametrize(
    "system",
    [
        "one\n\ntwo",
        [{"type": "text", "text": "one"}, {"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}],
    ],
)
def test_the_system_prompt_is_one_first_message_of_one_text(system):
    assert _translated(system=system)["messages"] == [{"role": "system", "content": "one\n\ntwo"}, USER]


def test_a_system_turn_stays_in_its_place():
    assert _messages(USER, {"role": "system", "content": "mind"}) == [USER, {"role": "system", "content": "mind"}]


def test_tool_results_follow_their_calls_before_the_users_words():
    messages = _messages(
        USER,
        {"role": "assistant", "content": [{"type": "text", "text": "ok"}, _use("a", {"x": 1}), _use("b")]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "and?"},
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {
                    "type": "tool_result",
                    "tool_use_id": "b",
                    "is_error": True,
                    "content": [{"type": "text", "text": "boom"}],
                },
            ],
        },
    )
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "user"]
    assert messages[1]["content"] == "ok"
    assert [(call["id"], json.loads(call["function"]["arguments"])) for call in messages[1]["tool_calls"]] == [
        ("a", {"x": 1}),
        ("b", {}),
    ]
    assert messages[2] == {"role": "tool", "tool_call_id": "a", "content": "1"}
    assert messages[3]["content"] == "Error: boom"
    assert messages[4]["content"] == "and?"


def test_a_picture_of_a_tool_follows_in_a_user_message():
    messages = _messages(
        USER,
        {"role": "assistant", "content": [_use("a")]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [IMAGE]}]},
    )
    assert messages[2]["role"] == "tool"
    assert messages[2]["content"]
    assert messages[3]["content"][0]["text"] == "Attachment of tool result a:"
    assert messages[3]["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}}


def test_an_assistant_that_only_calls_has_no_content():
    assert _messages(USER, {"role": "assistant", "content": [_use("a")]})[1]["content"] is None


def test_thinking_and_signatures_stay_behind_and_are_counted():
    thinking = {"type": "thinking", "thinking": "THOUGHT", "signature": "SIG"}
    redacted = {"type": "redacted_thinking", "data": "SIG"}
    translation = _translation(
        messages=[USER, {"role": "assistant", "content": [thinking, redacted, {"type": "text", "text": "a"}]}, USER]
    )
    assert translation.dropped_thinking == 2
    assert translation.body["messages"][1] == {"role": "assistant", "content": "a"}
    assert "SIG" not in str(translation.body)


def test_a_turn_of_nothing_but_thinking_disappears():
    assert _messages(
        USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "T", "signature": "S"}]}
    ) == [USER]


def test_invalid_arguments_come_back_as_they_were():
    messages = _messages(USER, {"role": "assistant", "content": [_use("a", {"INVALID_JSON": '{"x": '})]})
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == '{"x": '


def test_tools_become_functions():
    tool = {
        "name": "f",
        "description": "d",
        "input_schema": SCHEMA,
        "strict": True,
        "cache_control": {"type": "ephemeral"},
    }
    assert _translated(tools=[tool])["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}}
    ]


def test_strict_is_left_out_where_openai_would_reject_the_schema():
    loose = SCHEMA | {"required": []}
    assert (
        "strict"
        not in _translated(tools=[{"name": "f", "input_schema": loose, "strict": True}])["tools"][0]["function"]
    )


def test_long_tool_names_are_shortened_alike_everywhere():
    name = "mcp__server__" + "x" * 80
    translation = _translation(
        tools=[{"name": name, "input_schema": SCHEMA}],
        tool_choice={"type": "tool", "name": name},
        messages=[USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": name, "input": {}}]}],
    )
    body = translation.body
    short = body["tools"][0]["function"]["name"]
    assert len(short) == 64
    assert body["tool_choice"]["function"]["name"] == short == body["messages"][1]["tool_calls"][0]["function"]["name"]
    assert translation.names.restore(short) == name


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "any", "disable_parallel_tool_use": True}, {"tool_choice": "required", "parallel_tool_calls": False}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
    ],
)
def test_tool_choice_is_spelled_openais_way(choice, expected):
    body = _translated(tools=[{"name": "f", "input_schema": SCHEMA}], tool_choice=choice)
    assert {name: body[name] for name in ("tool_choice", "parallel_tool_calls") if name in body} == expected


@pytest.mark.parametrize(
    "field",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"}},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
    ],
)
def test_structured_output_becomes_a_response_format(field):
    assert _translated(**field)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": SCHEMA, "strict": True},
    }


def test_effort_alone_asks_for_no_format():
    assert "response_format" not in _translated(output_config={"effort": "low"})


def test_a_schema_with_optional_fields_is_sent_without_strict():
    loose = SCHEMA | {"required": []}
    assert (
        _translated(output_config={"format": {"type": "json_schema", "schema": loose}})["response_format"][
            "json_schema"
        ]["strict"]
        is False
    )


def test_stop_user_and_sampling_cross():
    translation = _translation(stop_sequences=["END"], metadata={"user_id": "u"}, temperature=0.4, top_p=0.9, top_k=3)
    assert translation.stop_sequences == ("END",)
    body = translation.body
    assert (body["stop"], body["user"], body["temperature"], body["top_p"]) == (["END"], "u", 0.4, 0.9)
    assert "top_k" not in body


def test_documents_and_search_results_become_parts():
    pdf = {
        "type": "document",
        "title": "a.pdf",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
    }
    note = {
        "type": "document",
        "title": "Note",
        "source": {"type": "text", "media_type": "text/plain", "data": "words"},
    }
    found = {
        "type": "search_result",
        "title": "T",
        "source": "https://x.test",
        "content": [{"type": "text", "text": "body"}],
    }
    parts = _messages({"role": "user", "content": [pdf, note, found, IMAGE]})[0]["content"]
    assert parts[0] == {
        "type": "file",
        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
    }
    assert [part.get("text") for part in parts[1:3]] == ["Note\n\nwords", "T\nhttps://x.test\nbody"]
    assert parts[3]["type"] == "image_url"


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ({"role": "user"}, "messages.1"),
        ({"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}, "messages.1.content.0"),
        (
            {
                "role": "assistant",
                "content": [{"type": "server_tool_use", "id": "x", "name": "web_search", "input": {}}],
            },
            "messages.1.content.0",
        ),
        (
            {
                "role": "user",
                "content": [{"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}}],
            },
            "messages.1.content.0.source",
        ),
        (
            {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]},
            "messages.1.content.0.source",
        ),
        ({"role": "user", "content": [{"type": "tool_result"}]}, "messages.1.content.0.tool_use_id"),
        ({"role": "assistant", "content": [{"type": "tool_use", "id": "a"}]}, "messages.1.content.0"),
        ({"role": "user", "content": ["x"]}, "messages.1.content"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages.1.content.0"),
    ],
)
def test_what_cannot_cross_is_refused_by_its_place(message, where):
    with pytest.raises(MalformedBodyError) as raised:
        chat_request({"messages": [USER, message]}, "m", {})
    assert raised.value.where == where


@pytest.mark.parametrize(
    "tool", [{"type": "web_search_20250305", "name": "web_search"}, {"type": "bash_20250124", "name": "bash"}, {}, "x"]
)
def test_tools_of_the_provider_are_refused(tool):
    with pytest.raises(MalformedBodyError, match="belongs to its provider"):
        chat_request({"messages": [USER], "tools": [tool]}, "m", {})
