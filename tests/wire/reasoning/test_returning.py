"""Reasoning of a history goes back to its maker, as that made it, and to nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.reasoning.histories import (
    ABROAD,
    ANYWHERE,
    ASKED,
    CALL,
    HOME,
    LOOP,
    OURS,
    RESULT,
    THEIRS,
    THINKS,
    USER,
    assistant,
    called,
    fields_for,
    item,
    messages_for,
    ours,
    redacted,
    said,
    spoken,
    theirs,
    thinking,
)

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.exchange import open_exchange
from tidegate.wire.insertion import Insertion
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.destination import Destination, destination
from tidegate.wire.reasoning.returning import returned
from tidegate.wire.request import read_request


class TestMessages:
    """``/v1/messages``."""

    @ANYWHERE
    @pytest.mark.parametrize("kind", [Kind.MESSAGES, Kind.COUNT_TOKENS])
    def test_own_thinking_goes_back_as_it_was_made(self, to, kind):
        asked = messages_for(to, USER, assistant(thinking(ours("EqQB+/==")), redacted(ours("EmwK")), said()), kind=kind)
        assert asked == [USER, assistant(thinking("EqQB+/=="), redacted("EmwK"), said())]

    @ANYWHERE
    def test_thinking_of_another_maker_stays_behind_whole(self, to):
        history = assistant(thinking(theirs("EqQB")), said(), redacted(theirs("EmwK")), called())
        assert messages_for(to, USER, history, RESULT) == [USER, assistant(said(), called()), RESULT]

    def test_thinking_without_a_mark_goes_home_and_nowhere_else(self):
        history = [USER, assistant(thinking("EqQB"), said()), USER]
        assert messages_for(HOME, *history) == history
        assert messages_for(ABROAD, *history) == [USER, assistant(said()), USER]

    @pytest.mark.parametrize("odd", [None, 7, "", ["x"], "~tidegate.nothex!!.x", "~tidegate.3fa9c1d2"])
    def test_what_is_no_mark_counts_as_none(self, odd):
        history = [USER, assistant(thinking(odd), said())]
        assert messages_for(HOME, *history) == history
        assert messages_for(ABROAD, *history) == [USER, assistant(said())]

    def test_each_turn_of_a_conversation_of_two_makers_is_sorted_by_itself(self):
        first, second = assistant(thinking(theirs("A")), said("a")), assistant(thinking(ours("B")), said("b"))
        assert messages_for(ABROAD, USER, first, USER, second, USER) == [
            *(USER, assistant(said("a")), USER, assistant(thinking("B"), said("b")), USER)
        ]

    def test_a_turn_that_had_nothing_else_goes_too(self):
        """Anthropic refuses empty content; turns of the user that follow each other it joins."""
        assert messages_for(ABROAD, USER, assistant(thinking(theirs("A"))), RESULT) == [USER, RESULT]

    def test_only_the_assistants_turns_are_looked_at(self):
        forged = {"role": "user", "content": [thinking(theirs("A")), said(theirs("text"))]}
        assert messages_for(ABROAD, forged) == [forged]

    def test_text_that_looks_like_a_mark_is_text(self):
        history = assistant(
            said(ours("text")), {"type": "tool_use", "id": "t", "name": "n", "input": {"signature": ours("x")}}
        )
        assert messages_for(ABROAD, history) == [history]

    def test_a_mark_however_it_is_escaped_is_taken_off(self):
        escaped = json.dumps(ours("Eq\u00fcB")).replace("g", "\\u0067").encode()
        body = (
            b'{"messages":[{"role":"assistant","content":[{"type":"thinking","signature":%b,"thinking":"x"}]}]}'
            % escaped
        )
        sent = returned(Kind.MESSAGES, JsonObject.parse(body), ABROAD)
        assert json.loads(bytes(sent.fields["messages"]))[0]["content"][0]["signature"] == "Eq\u00fcB"

    def test_text_that_looks_like_a_mark_stays_beside_a_mark_that_is_escaped(self):
        escaped = json.dumps(ours("A")).replace("~", "\\u007e").encode()
        blocks = b'{"type":"thinking","signature":%b},{"type":"text","text":"%b"}' % (escaped, OURS)
        sent = returned(
            Kind.MESSAGES, JsonObject.parse(b'{"messages":[{"role":"assistant","content":[%b]}]}' % blocks), HOME
        )
        assert json.loads(bytes(sent.fields["messages"]))[0]["content"] == [
            {"type": "thinking", "signature": "A"},
            said(OURS.decode()),
        ]

    def test_a_second_mark_is_the_business_of_whoever_put_it_there(self):
        assert messages_for(ABROAD, assistant(thinking(ours(theirs("A"))))) == [assistant(thinking(theirs("A")))]

    @pytest.mark.parametrize(
        "twice",
        [
            b'{"type":"thinking","signature":"a","signature":"b"}',
            b'{"type":"thinking","signature":"%b1","signature":"%b2"}' % (OURS, OURS),
        ],
    )
    def test_a_block_with_a_key_twice_is_refused_by_name_or_stays_behind(self, twice):
        body = JsonObject.parse(
            b'{"messages":[{"role":"assistant","content":[{"type":"text","text":"a"},%b]}]}' % twice
        )
        if OURS in twice:
            with pytest.raises(MalformedBodyError, match="twice") as refused:
                returned(Kind.MESSAGES, body, ABROAD)
            assert refused.value.where == "messages"
        else:
            sent = returned(Kind.MESSAGES, body, ABROAD)
            assert bytes(sent.fields["messages"]) == b'[{"role":"assistant","content":[{"type":"text","text":"a"}]}]'

    @pytest.mark.parametrize(
        "odd",
        [
            "text",
            7,
            None,
            [7],
            [["x"]],
            [{"role": "assistant", "content": [7]}],
            [{"role": ["assistant"], "content": []}],
        ],
    )
    def test_what_has_another_shape_passes_as_it_came(self, odd):
        body = JsonObject.parse(json.dumps({"messages": odd}).encode())
        assert returned(Kind.MESSAGES, body, ABROAD) is body

    def test_a_body_without_anything_to_change_is_the_clients_own(self):
        body = JsonObject.parse(json.dumps({"messages": [USER, assistant(thinking("A"), said())]}).encode())
        assert returned(Kind.MESSAGES, body, HOME) is body


class TestThinkingInTheMiddleOfATurn:
    """Anthropic refuses a last turn that calls tools without thinking first, from a model that must think."""

    def test_it_stops_for_the_turn_whose_thinking_stayed_behind(self):
        asked = fields_for(Kind.MESSAGES, ABROAD, {"messages": list(LOOP), **THINKS})
        assert asked == {"messages": [USER, assistant(called()), RESULT], "thinking": {"type": "disabled"}}

    @pytest.mark.parametrize(
        ("edit", "is_kept"), [("clear_thinking_20251015", False), ("clear_tool_uses_20250919", True)]
    )
    def test_nobody_is_asked_to_trim_thinking_then(self, edit, is_kept):
        trimming = {"edits": [{"type": edit}]}
        asked = fields_for(Kind.MESSAGES, ABROAD, {"messages": list(LOOP), "context_management": trimming, **THINKS})
        assert asked.get("context_management") == (trimming if is_kept else None)

    @pytest.mark.parametrize("setting", [{"type": "adaptive"}, {"type": "disabled"}, None])
    def test_a_model_that_need_not_think_is_left_alone(self, setting):
        asked = fields_for(Kind.MESSAGES, ABROAD, {"messages": list(LOOP), "thinking": setting})
        assert asked["thinking"] == setting

    @pytest.mark.parametrize(
        "history",
        [
            (USER, assistant(thinking(ours("A")), called()), RESULT),
            (
                USER,
                assistant(thinking(theirs("A")), called()),
                RESULT,
                assistant(thinking(ours("B")), called()),
                RESULT,
            ),
            (*LOOP, assistant(said()), USER),
            (USER, assistant(thinking(theirs("A")), said()), USER),
            (
                USER,
                assistant(called()),
                RESULT,
                assistant(thinking(theirs("A")), thinking(ours("B")), called()),
                RESULT,
            ),
        ],
    )
    def test_it_goes_on_where_nothing_is_missing(self, history):
        asked = fields_for(Kind.MESSAGES, ABROAD, {"messages": list(history), **THINKS})
        assert asked["thinking"] == THINKS["thinking"]

    @pytest.mark.parametrize("overridable", [None, ("temperature",)], ids=["free", "locked"])
    @pytest.mark.parametrize("own", [{}, THINKS], ids=["the version's", "the client's too"])
    def test_it_stops_also_where_the_version_has_settled_it(self, own, overridable):
        version = Insertion(model="m", generation={**THINKS, "max_tokens": 9000}, overridable=overridable)
        body = JsonObject.parse(json.dumps({"model": "bot", "messages": list(LOOP), **own}).encode())
        to = destination(Kind.MESSAGES, version, OURS, is_home=False)
        sent = returned(Kind.MESSAGES, body, to)
        exchange = open_exchange(Kind.MESSAGES, sent, read_request(Kind.MESSAGES, sent), version, "anthropic")
        assert json.loads(b"".join(exchange.request_parts()))["thinking"] == {"type": "disabled"}

    def test_where_tokens_are_counted_the_versions_parameters_do_not_matter(self):
        version = Insertion(model="m", generation=THINKS)
        to = destination(Kind.COUNT_TOKENS, version, OURS, is_home=False)
        assert "thinking" not in fields_for(Kind.COUNT_TOKENS, to, {"messages": list(LOOP)})


class TestResponses:
    """``/v1/responses``."""

    def input_for(self, to: Destination, *items: dict[str, Any]) -> Any:
        return fields_for(Kind.RESPONSES, to, {"input": list(items)})["input"]

    @ANYWHERE
    def test_own_items_go_back_as_they_were_made_and_others_stay_behind(self, to):
        sent = self.input_for(to, ASKED, item(theirs("A")), item(ours("B")), CALL)
        assert sent == [ASKED, item("B"), CALL]

    @pytest.mark.parametrize("unmarked", ["gAAA", None])
    def test_items_without_a_mark_go_home_and_nowhere_else(self, unmarked):
        history = [ASKED, item(unmarked), CALL]
        assert self.input_for(HOME, *history) == history
        assert self.input_for(ABROAD, *history) == [ASKED, CALL]

    def test_a_plain_text_has_no_items(self):
        assert fields_for(Kind.RESPONSES, ABROAD, {"input": theirs('"reasoning"')}) == {"input": theirs('"reasoning"')}


class TestChat:
    """``/v1/chat/completions``."""

    def for_chat(self, to: Destination, *messages: dict[str, Any]) -> Any:
        return messages_for(to, *messages, kind=Kind.CHAT)

    @pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
    def test_plain_reasoning_goes_home_and_nowhere_else(self, name):
        history = [USER, spoken(**{name: "I think"}), USER]
        assert self.for_chat(HOME, *history) == history
        assert self.for_chat(ABROAD, *history) == [USER, spoken(), USER]

    @ANYWHERE
    def test_details_with_a_mark_decide_for_the_whole_message(self, to):
        rest = {"type": "reasoning.summary", "summary": "in short"}
        own = spoken({"type": "reasoning.text", "signature": ours("A")}, rest, reasoning="I think")
        other = spoken({"type": "reasoning.encrypted", "data": theirs("A")}, rest, reasoning="I think")
        assert self.for_chat(to, own, other) == [
            spoken({"type": "reasoning.text", "signature": "A"}, rest, reasoning="I think"),
            spoken(),
        ]

    @ANYWHERE
    def test_of_a_mixture_only_what_is_surely_own_goes_back(self, to):
        mixed = spoken({"signature": ours("A")}, {"data": theirs("B")}, {"summary": "whose?"}, reasoning="whose?")
        assert self.for_chat(to, mixed) == [spoken({"signature": "A"})]

    @pytest.mark.parametrize("empty", [None, "", []])
    def test_a_message_that_had_nothing_else_goes_too(self, empty):
        assert self.for_chat(ABROAD, USER, spoken(reasoning="I think", content=empty), USER) == [USER, USER]

    def test_calls_without_text_stay(self):
        call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        turn = spoken(reasoning="I think", content=None, tool_calls=[call])
        assert self.for_chat(ABROAD, turn) == [{"role": "assistant", "content": None, "tool_calls": [call]}]

    @staticmethod
    def call(signature: Any, name: str = "look") -> dict[str, Any]:
        signed = {} if signature is None else {"extra_content": {"google": {"thought_signature": signature}}}
        return {"id": "c", **signed, "type": "function", "function": {"name": name, "arguments": "{}"}}

    @ANYWHERE
    def test_signed_calls_stay_and_their_signatures_go_to_their_maker(self, to):
        calls = [self.call(ours("A")), self.call(theirs("B")), self.call(None)]
        turn = spoken(tool_calls=calls, extra_content={"google": {"thought_signature": theirs("C")}})
        expected = [self.call("A"), self.call(None), self.call(None)]
        assert self.for_chat(to, turn) == [spoken(tool_calls=expected)]

    def test_unsigned_extras_go_anywhere_and_unmarked_signatures_home(self):
        turn = spoken(tool_calls=[self.call("A"), {**self.call(None), "extra_content": {"other": 1}}])
        assert self.for_chat(HOME, turn) == [turn]
        assert self.for_chat(ABROAD, turn)[0]["tool_calls"] == [self.call(None), turn["tool_calls"][1]]

    @ANYWHERE
    @pytest.mark.parametrize(
        "odd", [7, "thought_signature", [], {"google": 7}, {"google": {"thought_signature": None}}]
    )
    def test_odd_extras_pass_as_they_came(self, to, odd):
        turn = spoken(tool_calls=[{**self.call(None), "extra_content": odd}], extra_content=odd)
        assert self.for_chat(to, turn) == [turn]

    @pytest.mark.parametrize("calls", ["thought_signature", {"thought_signature": 1}])
    def test_odd_calls_pass_as_they_came(self, calls):
        assert self.for_chat(ABROAD, spoken(tool_calls=calls)) == [spoken(tool_calls=calls)]

    @pytest.mark.parametrize("odd", ["text", 7, ["x", None, {"signature": 7}], {"signature": theirs("A")}])
    def test_odd_details_count_as_unmarked(self, odd):
        history = spoken(reasoning_details=odd)
        assert self.for_chat(HOME, history) == [history]
        assert self.for_chat(ABROAD, history) == [spoken()]


@pytest.mark.parametrize("kind", [Kind.COMPLETIONS, Kind.EMBEDDINGS])
def test_endpoints_without_history_have_nothing_to_return(kind):
    body = JsonObject.parse(b'{"prompt":"\\"reasoning\\"","input":"\\"reasoning\\""}')
    assert returned(kind, body, ABROAD) is body


# ---- laws

OPAQUE = st.text(max_size=12)
MAKERS = st.sampled_from([OURS.decode(), THEIRS.decode(), ""])
BLOCKS = st.one_of(
    st.builds(lambda maker, value, text: thinking(maker + value, text), MAKERS, OPAQUE, st.text(max_size=8)),
    st.builds(lambda maker, value: redacted(maker + value), MAKERS, OPAQUE),
    st.builds(said, st.text(max_size=8)),
    st.just(called()),
)
TURNS = st.one_of(st.just(USER), st.just(RESULT), st.lists(BLOCKS, max_size=4).map(lambda blocks: assistant(*blocks)))
LAYOUTS = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}])


def plainly(turns: list[dict[str, Any]], to: Destination) -> list[dict[str, Any]]:
    """The same by decoded values, message by message."""
    sent = []
    for turn in turns:
        if turn["role"] != "assistant":
            sent.append(turn)
            continue
        kept = []
        for block in turn["content"]:
            name = {"thinking": "signature", "redacted_thinking": "data"}.get(block["type"])
            value = block[name] if name else ""
            if name is None or (to.is_home and not value.startswith("~tidegate.")):
                kept.append(block)
            elif value.startswith(OURS.decode()):
                kept.append({**block, name: value.removeprefix(OURS.decode())})
        if kept or not turn["content"]:
            sent.append({**turn, "content": kept})
    return sent


@given(st.lists(TURNS, max_size=6), LAYOUTS, st.sampled_from([HOME, ABROAD]))
def test_what_is_sent_is_what_plain_values_say(turns, layout, to):
    body = JsonObject.parse(json.dumps({"messages": turns, "max_tokens": 5}, **layout).encode())
    sent = returned(Kind.MESSAGES, body, to)
    assert json.loads(bytes(sent.fields["messages"])) == plainly(turns, to)
    assert bytes(sent.fields["max_tokens"]) == b"5"


@given(st.lists(TURNS, max_size=6), LAYOUTS)
def test_a_history_of_own_making_goes_back_byte_for_byte(turns, layout):
    """Marked on its way out and unmarked on its way in, it is what the provider wrote."""
    made = json.dumps({"messages": turns}, **layout).encode().replace(OURS, b"").replace(THEIRS, b"")
    marked = made.replace(b'"signature":"', b'"signature":"' + OURS).replace(
        b'"signature": "', b'"signature": "' + OURS
    )
    marked = marked.replace(b'"data":"', b'"data":"' + OURS).replace(b'"data": "', b'"data": "' + OURS)
    sent = returned(Kind.MESSAGES, JsonObject.parse(marked), ABROAD)
    assert bytes(sent.fields["messages"]) == bytes(JsonObject.parse(made).fields["messages"])
    assert sent.size == len(made)
