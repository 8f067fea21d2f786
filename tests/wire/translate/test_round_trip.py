"""What a chat request means survives the way to Anthropic's form and back."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.wire.translate.sdk_requests import assert_chat_request, assert_messages_request

from tidegate.wire.translate.chat_answer import chat_answer
from tidegate.wire.translate.chat_request import messages_request
from tidegate.wire.translate.messages_answer import messages_answer
from tidegate.wire.translate.messages_request import chat_request
from tidegate.wire.translate.tools import ToolNames

TEXT = st.text(min_size=1, max_size=12).filter(lambda text: text.strip())
NAME = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
ARGUMENTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=3).map(json.dumps) | st.just("{broken")
IMAGE = st.sampled_from(["https://x.test/a.png", "data:image/png;base64,iVBORw0KGgo="]).map(
    lambda url: {"type": "image_url", "image_url": {"url": url}}
)
FILE = st.just({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}})
PART = TEXT.map(lambda text: {"type": "text", "text": text}) | IMAGE | FILE
SYSTEM = st.tuples(st.sampled_from(["system", "developer"]), TEXT).map(lambda m: {"role": m[0], "content": m[1]})
USER = (TEXT | st.lists(PART, min_size=1, max_size=3)).map(lambda content: {"role": "user", "content": content})


@st.composite
def tool_rounds(draw):
    """An assistant's calls and their results, in order."""
    ids = draw(st.lists(NAME, min_size=1, max_size=3, unique=True))
    calls = [
        {"id": call_id, "type": "function", "function": {"name": draw(NAME), "arguments": draw(ARGUMENTS)}}
        for call_id in ids
    ]
    results = [{"role": "tool", "tool_call_id": call_id, "content": draw(TEXT)} for call_id in ids]
    return [{"role": "assistant", "content": draw(st.none() | TEXT), "tool_calls": calls}, *results]


@st.composite
def conversations(draw):
    messages = draw(st.lists(SYSTEM, max_size=2))
    messages.append(draw(USER))
    for _ in range(draw(st.integers(0, 3))):
        messages += draw(tool_rounds() | TEXT.map(lambda text: [{"role": "assistant", "content": text}]))
        messages += draw(st.lists(USER | SYSTEM, max_size=2))
    return [*messages, draw(USER)]


TOOL = st.builds(
    lambda name, description: {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}},
        },
    },
    NAME,
    TEXT,
)


@st.composite
def requests(draw):
    request: dict[str, Any] = {"model": "m", "messages": draw(conversations()), "max_tokens": draw(st.integers(1, 999))}
    optional = {
        "temperature": st.sampled_from([0, 0.25, 1]),
        "stop": st.lists(TEXT, min_size=1, max_size=3),
        "user": TEXT,
        "tools": st.lists(TOOL, min_size=1, max_size=2),
    }
    for name, values in optional.items():
        if draw(st.booleans()):
            request[name] = draw(values)
    if "tools" in request:
        named = {"type": "function", "function": {"name": request["tools"][0]["function"]["name"]}}
        request["tool_choice"] = draw(st.sampled_from(["auto", "none", "required", named]))
        if request["tool_choice"] != "none" and draw(st.booleans()):
            request["parallel_tool_calls"] = False
    return request


def _meaning(request: dict[str, Any]) -> dict[str, Any]:
    """A request without the freedoms of its form: system prompts gathered, texts joined, arguments decoded."""
    system = "\n\n".join(m["content"] for m in request["messages"] if m["role"] in ("system", "developer"))
    turns: list[Any] = []
    for message in request["messages"]:
        role = message["role"]
        if role in ("system", "developer"):
            continue
        if role == "tool":
            turns.append(("tool", message["tool_call_id"], message["content"]))
            continue
        content = message["content"] or []
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turns += [(role, json.dumps(part, sort_keys=True)) for part in parts]
        turns += [
            ("call", call["id"], call["function"]["name"], _loose(call["function"]["arguments"]))
            for call in message.get("tool_calls") or []
        ]
    joined: list[Any] = []
    for turn in turns:  # neighbouring texts of the assistant are one text
        if joined and turn[0] == joined[-1][0] == "assistant":
            texts = [json.loads(one)["text"] for one in (joined[-1][1], turn[1])]
            joined[-1] = ("assistant", json.dumps({"type": "text", "text": "".join(texts)}, sort_keys=True))
        else:
            joined.append(turn)
    others = {name: value for name, value in request.items() if name != "messages"}
    return {"system": system, "turns": joined} | others


def _loose(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return ("invalid", arguments)


@given(requests())
def test_a_chat_request_means_the_same_after_both_ways(request):
    there = messages_request(request).body
    assert_messages_request(there)
    back = chat_request(there, "m", {}).body
    assert_chat_request(back)
    assert _meaning(back) == _meaning(request)


@given(requests())
def test_turns_alternate_and_results_stand_first(request):
    turns = messages_request(request).body["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2) + ["user"] * (len(turns) % 2)
    for turn in turns:
        if isinstance(turn["content"], list):
            kinds = [block["type"] == "tool_result" for block in turn["content"]]
            assert kinds == sorted(kinds, reverse=True)


@given(
    st.none() | TEXT,
    st.lists(st.tuples(NAME, NAME, st.dictionaries(st.text(max_size=4), VALUES, max_size=3)), max_size=3),
    st.sampled_from(["stop", "length"]),
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)),
)
def test_an_answer_means_the_same_after_both_ways(text, calls, reason, counts):
    cached, fresh, written = counts
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if calls:
        reason = "tool_calls"
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(value)}}
            for call_id, name, value in calls
        ]
    usage = {
        "prompt_tokens": cached + fresh,
        "completion_tokens": written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    completion = {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": usage,
    }
    there = messages_answer(json.dumps(completion).encode(), names=ToolNames(), stop_sequences=())
    back = chat_answer(there.body, has_output_tool=False, created=0)
    told = json.loads(back.body)
    spoken = told["choices"][0]["message"]
    assert spoken["content"] == text
    assert [
        (c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in spoken.get("tool_calls", [])
    ] == calls
    assert told["choices"][0]["finish_reason"] == back.finish_reason == reason
    assert back.usage == there.usage
    assert told["usage"]["prompt_tokens"] == cached + fresh
