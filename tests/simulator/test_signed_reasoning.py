"""Models that sign what they think, and refuse what another has signed."""

import anthropic
import openai
import pytest

from tidegate.simulator.signed_reasoning import signature_of

QUESTION = {"role": "user", "content": "Why?"}
SIGNING = {"reasoning": "hm hm", "answer": "Because.", "signing_key": "k"}
THINKS = {"type": "enabled", "budget_tokens": 1024}


def thought(signature, *others):
    blocks = [{"type": "thinking", "thinking": "hm hm", "signature": signature}, *others]
    return [QUESTION, {"role": "assistant", "content": blocks}, QUESTION]


async def test_a_signature_is_of_the_thought_and_of_its_maker(bench):
    async with bench(**SIGNING) as it:
        answer = await it.anthropic.messages.create(model="m", max_tokens=9, messages=[QUESTION])
    assert answer.content[0].signature == signature_of("k", "hm hm")
    assert len({signature_of(key, text) for key in ("k", "l") for text in ("hm", "hm hm")}) == 4


async def test_what_another_has_signed_is_refused(bench):
    async with bench(**SIGNING) as it:
        ask = it.anthropic.messages.create
        await ask(model="m", max_tokens=9, messages=thought(signature_of("k", "hm hm")))
        with pytest.raises(anthropic.BadRequestError, match=r"messages\.1\.content\.0"):
            await ask(model="m", max_tokens=9, messages=thought(signature_of("l", "hm hm")))
        item = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm hm"}]}
        with pytest.raises(openai.BadRequestError) as refused:
            await it.openai.responses.create(model="m", input=[QUESTION, {**item, "encrypted_content": "other"}])
        assert refused.value.code == "invalid_encrypted_content"
        details = [{"type": "reasoning.text", "text": "hm hm", "signature": "other"}]
        spoken = {"role": "assistant", "content": "Because.", "reasoning_details": details}
        with pytest.raises(openai.BadRequestError):
            await it.openai.chat.completions.create(model="m", messages=[QUESTION, spoken])


async def test_a_model_that_must_think_wants_a_tool_turn_to_begin_with_it(bench):
    call = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    bare = [QUESTION, {"role": "assistant", "content": [call]}, QUESTION]
    async with bench(**SIGNING) as it:
        ask = it.anthropic.messages.create
        with pytest.raises(anthropic.BadRequestError, match="Expected `thinking`"):
            await ask(model="m", max_tokens=2000, messages=bare, thinking=THINKS)
        await ask(model="m", max_tokens=2000, messages=bare)
        await ask(model="m", max_tokens=2000, messages=thought(signature_of("k", "hm hm"), call), thinking=THINKS)


async def test_a_model_without_a_key_takes_everything(bench):
    async with bench(reasoning="hm", answer="Because.") as it:
        await it.anthropic.messages.create(model="m", max_tokens=9, messages=thought("anything"))
