"""Requests rendered for an upstream of the client's own dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire import MalformedBodyError
from tidegate.wire.exchange import open_exchange
from tidegate.wire.insertion import Insertion, Message
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.request import read_request

SYSTEM = {"role": "system", "content": "Be kind."}
OWN_SYSTEM = {"role": "system", "content": "Own."}
USER = {"role": "user", "content": "Hi"}
SHOTS = (Message("user", "2+2?"), Message("assistant", "4"))
SHOT_MESSAGES = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]


def render_bytes(kind: Kind, body: bytes, insertion: Insertion) -> bytes:
    parsed = JsonObject.parse(body)
    return b"".join(open_exchange(kind, parsed, read_request(kind, parsed), insertion, kind.dialect).request_parts())


def render(insertion: Insertion, kind: Kind = Kind.CHAT, **fields: Any) -> dict[str, Any]:
    rendered = json.loads(render_bytes(kind, json.dumps({"model": "bot", **fields}).encode(), insertion))
    assert rendered.pop("model") == insertion.model
    return rendered


def bundle(**changes: Any) -> Insertion:
    return Insertion(model="vendor-1", **changes)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
UNKNOWN = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=5).map(lambda name: "x_" + name), VALUES, max_size=5
)


@given(
    UNKNOWN,
    st.sampled_from([(",", ":"), (" , ", " : ")]),
    st.sampled_from([Kind.CHAT, Kind.COMPLETIONS, Kind.EMBEDDINGS]),
)
def test_a_splice_leaves_every_other_value_byte_for_byte(unknown, separators, kind):
    dump = lambda item: json.dumps(item, separators=separators).encode()  # noqa: E731
    body = dump({**unknown, "model": "bot"})
    fields = JsonObject.parse(render_bytes(kind, body, bundle())).fields
    assert {key: bytes(raw) for key, raw in fields.items()} == {
        "model": b'"vendor-1"',
        **{key: dump(item) for key, item in unknown.items()},
    }


@given(
    st.lists(st.sampled_from([SYSTEM, OWN_SYSTEM, USER, {"role": "developer", "content": "D"}]), max_size=5),
    st.sampled_from(["prepend", "replace", "keep"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\n: ")]),
)
def test_messages_follow_the_rule_of_order(messages, policy, has_system, has_shots, separators):
    insertion = bundle(
        system="Be kind." if has_system else None, system_policy=policy, few_shot=SHOTS if has_shots else ()
    )
    body = json.dumps({"model": "bot", "messages": messages}, separators=separators).encode()
    rendered = json.loads(render_bytes(Kind.CHAT, body, insertion))["messages"]
    own = list(messages)
    is_system = lambda message: message["role"] in ("system", "developer")  # noqa: E731
    head = [SYSTEM] if has_system else []
    if head and policy == "replace":
        own = [message for message in own if not is_system(message)]
    if policy == "keep" and any(map(is_system, own)):
        head = []
    leading = 0
    while leading < len(own) and is_system(own[leading]):
        leading += 1
    assert rendered == head + own[:leading] + (SHOT_MESSAGES if has_shots else []) + own[leading:]


def test_an_empty_message_list_written_with_spaces_stays_valid():
    assert json.loads(render_bytes(Kind.CHAT, b'{"model":"b","messages":[ \n ]}', bundle(system="Be kind.")))[
        "messages"
    ] == [SYSTEM]


@pytest.mark.parametrize(
    ("messages", "shots"),
    [(wrong, shots) for wrong in ("text", {"a": 1}, None) for shots in ((), SHOTS)] + [([1], SHOTS)],
)
def test_messages_that_are_no_list_of_objects_are_refused_where_they_are_touched(messages, shots):
    with pytest.raises(MalformedBodyError) as caught:
        render(bundle(system="s", few_shot=shots), messages=messages)
    assert caught.value.where == "messages"


def test_missing_messages_are_refused_only_where_something_is_put_in():
    assert render(bundle()) == {}
    with pytest.raises(MalformedBodyError, match="missing"):
        render(bundle(system="s"))


def test_the_tidegate_field_never_goes_upstream():
    assert render(bundle(), tidegate={"variables": {"a": 1}}, x=1) == {"x": 1}


def test_defaults_fill_what_the_client_left_open():
    insertion = bundle(generation={"temperature": 0.5, "top_p": 0.9, "seed": 7})
    assert render(insertion, temperature=1.5, seed=None) == {"temperature": 1.5, "top_p": 0.9, "seed": 7}


@pytest.mark.parametrize("own", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("theirs", ["max_tokens", "max_completion_tokens"])
def test_both_spellings_of_the_cap_are_one_parameter(own, theirs):
    assert render(bundle(generation={own: 100}), **{theirs: 5}) == {theirs: 5}
    assert render(bundle(generation={own: 100}), **{theirs: None}) == {own: 100}
    assert render(bundle(generation={own: 100})) == {own: 100}


def test_a_locked_parameter_is_the_bundle_s_or_nobody_s():
    insertion = bundle(generation={"temperature": 0.5, "max_tokens": 100}, overridable=("top_p",))
    sent = {"temperature": 1, "max_completion_tokens": 9, "top_p": 0.1, "seed": 3, "n": 2, "tools": []}
    assert render(insertion, **sent) == {"temperature": 0.5, "max_tokens": 100, "top_p": 0.1, "n": 2, "tools": []}


def test_either_spelling_unlocks_the_cap():
    insertion = bundle(generation={"max_tokens": 100}, overridable=("max_tokens",))
    assert render(insertion, max_completion_tokens=9) == {"max_completion_tokens": 9}


def test_a_bundle_cannot_replace_the_request_itself():
    assert render(bundle(generation={"messages": [], "model": "x", "stream": True}), messages=[USER]) == {
        "messages": [USER]
    }


class TestUsageInStreams:
    def test_it_is_asked_for_when_the_client_did_not(self):
        assert render(bundle(), stream=True) == {"stream": True, "stream_options": {"include_usage": True}}

    def test_the_client_s_other_options_stay(self):
        options = {"include_usage": False, "include_obfuscation": False}
        rendered = render(bundle(), stream=True, stream_options=options)
        assert rendered["stream_options"] == {"include_usage": True, "include_obfuscation": False}

    def test_null_options_are_replaced(self):
        assert render(bundle(), stream=True, stream_options=None)["stream_options"] == {"include_usage": True}

    @pytest.mark.parametrize("kind", [Kind.MESSAGES, Kind.RESPONSES])
    def test_dialects_that_always_tell_it_are_not_asked(self, kind):
        assert "stream_options" not in render(bundle(), kind, stream=True)


class TestTemplates:
    INSERTION = bundle(system="Hello {{ name }} & {{ shop }}.", variables={"name": None, "shop": "Tide"})

    def test_variables_and_defaults_are_put_in_unescaped(self):
        rendered = render(self.INSERTION, messages=[USER], tidegate={"variables": {"name": '<"Bo">'}})
        assert rendered["messages"][0]["content"] == 'Hello <"Bo"> & Tide.'

    def test_a_missing_variable_is_named(self):
        with pytest.raises(MalformedBodyError) as caught:
            render(self.INSERTION, messages=[USER])
        assert caught.value.where == "tidegate.variables.name"

    def test_plain_prompts_are_no_templates(self):
        assert render(bundle(system="{{ name }}"), messages=[])["messages"][0]["content"] == "{{ name }}"


BLOCK = {"type": "text", "text": "Be kind."}


class TestMessages:
    def render(self, insertion, **fields):
        return render(insertion, Kind.MESSAGES, **{"max_tokens": 5, "messages": [USER], **fields})

    @pytest.mark.parametrize("blank", [None, "", []])
    def test_the_system_prompt_stands_alone_when_the_client_has_none(self, blank):
        assert self.render(bundle(system="Be kind."), system=blank)["system"] == "Be kind."
        assert self.render(bundle(system="Be kind."))["system"] == "Be kind."

    def test_it_goes_before_the_client_s_text(self):
        expected = [BLOCK, {"type": "text", "text": "Own."}]
        assert self.render(bundle(system="Be kind."), system="Own.")["system"] == expected

    def test_it_goes_before_the_client_s_blocks(self):
        own = [{"type": "text", "text": "Own.", "cache_control": {"type": "ephemeral"}}]
        assert self.render(bundle(system="Be kind."), system=own)["system"] == [BLOCK, *own]

    def test_replace_and_keep(self):
        assert self.render(bundle(system="A", system_policy="replace"), system="B")["system"] == "A"
        assert self.render(bundle(system="A", system_policy="keep"), system="B")["system"] == "B"
        assert self.render(bundle(system="A", system_policy="keep"))["system"] == "A"

    def test_few_shot_opens_the_messages(self):
        assert self.render(bundle(few_shot=SHOTS))["messages"] == [*SHOT_MESSAGES, USER]

    def test_parameters_take_anthropic_s_names_and_bounds(self):
        generation = {"temperature": 1.4, "stop": "END", "max_completion_tokens": 9, "seed": 1, "top_k": 3}
        expected = {"temperature": 1, "stop_sequences": ["END"], "max_tokens": 9, "top_k": 3}
        assert render(bundle(generation=generation), Kind.MESSAGES) == expected

    def test_the_required_cap_is_supplied(self):
        assert render(bundle(), Kind.MESSAGES) == {"max_tokens": 4096}

    def test_the_required_cap_stays_the_client_s_when_only_that_could_be_sent(self):
        assert render(bundle(overridable=()), Kind.MESSAGES, max_tokens=7, temperature=1) == {"max_tokens": 7}

    def test_sampling_defaults_stay_away_from_thinking(self):
        insertion = bundle(generation={"temperature": 0.2, "max_tokens": 50})
        thinking = {"type": "enabled", "budget_tokens": 1024}
        assert render(insertion, Kind.MESSAGES, thinking=thinking) == {"thinking": thinking, "max_tokens": 50}
        off = {"type": "disabled"}
        assert render(insertion, Kind.MESSAGES, thinking=off)["temperature"] == 0.2

    def test_counting_counts_the_version_s_prompt_and_takes_no_parameters(self):
        insertion = bundle(system="Be kind.", few_shot=SHOTS, generation={"temperature": 0.2})
        rendered = render(insertion, Kind.COUNT_TOKENS, messages=[USER])
        assert rendered == {"system": "Be kind.", "messages": [*SHOT_MESSAGES, USER]}


class TestResponses:
    def test_instructions_are_joined(self):
        insertion = bundle(system='Be "kind".')
        assert render(insertion, Kind.RESPONSES, input="x", instructions='O"wn')["instructions"] == 'Be "kind".\n\nO"wn'
        assert render(insertion, Kind.RESPONSES, input="x")["instructions"] == 'Be "kind".'

    def test_text_input_becomes_a_message_behind_the_examples(self):
        rendered = render(bundle(few_shot=SHOTS), Kind.RESPONSES, input="Hi")
        assert rendered["input"] == [*SHOT_MESSAGES, USER]

    def test_examples_stand_before_item_input(self):
        rendered = render(bundle(few_shot=SHOTS), Kind.RESPONSES, input=[OWN_SYSTEM, USER])
        assert rendered["input"] == [OWN_SYSTEM, *SHOT_MESSAGES, USER]

    @pytest.mark.parametrize("link", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}])
    def test_a_conversation_that_goes_on_has_its_examples_already(self, link):
        assert render(bundle(few_shot=SHOTS), Kind.RESPONSES, input="Hi", **link)["input"] == "Hi"

    def test_parameters_take_the_endpoint_s_names(self):
        generation = {"max_tokens": 9, "reasoning_effort": "low", "stop": "x", "temperature": 0.1}
        expected = {"max_output_tokens": 9, "reasoning": {"effort": "low"}, "temperature": 0.1}
        assert render(bundle(generation=generation), Kind.RESPONSES) == expected
        assert render(bundle(generation={"max_tokens": 9}), Kind.RESPONSES, max_output_tokens=2) == {
            "max_output_tokens": 2
        }


def test_completions_take_parameters_and_no_prompt():
    insertion = bundle(system="s", few_shot=SHOTS, generation={"max_completion_tokens": 9, "tools": [], "stop": ["x"]})
    assert render(insertion, Kind.COMPLETIONS, prompt="p") == {"prompt": "p", "max_tokens": 9, "stop": ["x"]}


def test_embeddings_take_nothing_but_the_model():
    insertion = bundle(system="s", few_shot=SHOTS, generation={"temperature": 1})
    assert render(insertion, Kind.EMBEDDINGS, input=["a"]) == {"input": ["a"]}


@pytest.mark.parametrize("kind", list(Kind))
def test_a_large_body_goes_up_as_views_of_the_client_s_bytes(kind):
    field = "input" if kind in (Kind.EMBEDDINGS, Kind.RESPONSES) else "messages"
    body = bytearray(
        json.dumps({"model": "bot", "a": 1, field: [{"role": "user", "content": "x" * 300_000}], "b": 2}).encode()
    )
    parsed = JsonObject.parse(body)
    insertion = bundle(system="Be kind.", few_shot=SHOTS)
    parts = open_exchange(kind, parsed, read_request(kind, parsed), insertion, kind.dialect).request_parts()
    views = [part for part in parts if isinstance(part, memoryview)]
    assert sum(map(len, views)) > 300_000
    assert sum(len(part) for part in parts if isinstance(part, bytes)) < 1_000
    rendered = json.loads(b"".join(parts))
    assert rendered[field][-1] == {"role": "user", "content": "x" * 300_000}
    assert (rendered["a"], rendered["b"]) == (1, 2)
