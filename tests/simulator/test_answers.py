"""What models say, read with the official SDKs."""

import asyncio
import json

import anthropic
import httpx2
import jsonschema
import openai
import pytest

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
}
CLOCK = {"type": "object", "properties": {"zone": {"enum": ["utc"]}}, "required": ["zone"]}


def tools(*names, schema=None):
    known = {"weather": WEATHER, "clock": CLOCK}
    return [{"type": "function", "function": {"name": name, "parameters": schema or known[name]}} for name in names]


def anthropic_tools(*names):
    return [
        {"name": tool["function"]["name"], "input_schema": tool["function"]["parameters"]} for tool in tools(*names)
    ]


ECHO = "{{model}}|{{system}}|{{user}}|{{temperature}}|{{request.seed}}|{{count}}"


async def test_the_answer_shows_what_was_asked(bench):
    async with bench(answer=ECHO) as it:
        asked = [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "hé?"}]},
        ]
        answer = await it.openai.chat.completions.create(model="m", messages=asked, temperature=0.5, seed=3)
        assert answer.choices[0].message.content == "m|be brief|hé?|0.5|3|1"
        reply = await it.message("hello", system="be kind", extra_body={"temperature": 0.25})
        assert reply.content[0].text == "m|be kind|hello|0.25||2"
        response = await it.openai.responses.create(model="n", input="well?", instructions="be short")
        assert response.output_text.startswith("n|be short|well?|")


@pytest.mark.parametrize("text", ["plain words", "üñï 漢字 🙂 line\nbreak  two", 'quotes " and \\ \u2028'])
async def test_streamed_and_whole_answers_are_the_same_text(bench, text):
    async with bench(answer=text) as it:
        whole = await it.answer()
        chat = "".join(chunk.choices[0].delta.content or "" for chunk in await it.chunks())
        async with it.anthropic.messages.stream(
            model="m", max_tokens=99, messages=[{"role": "user", "content": "hi"}]
        ) as stream:
            message = await stream.get_final_text()
        async with it.openai.responses.stream(model="m", input="hi") as stream:
            response = (await stream.get_final_response()).output_text
        legacy = [chunk async for chunk in await it.openai.completions.create(model="m", prompt="hi", stream=True)]
        assert whole == chat == message == response == "".join(chunk.choices[0].text for chunk in legacy) == text


async def test_a_list_of_answers_is_cycled(bench):
    async with bench(answer=["a", "b"]) as it:
        assert [await it.answer() for _ in range(4)] == ["a", "b", "a", "b"]


async def test_random_answers_repeat_with_the_seed(bench):
    async def run(seed):
        scenario = {"seed": seed, "models": {"*": {"answer": ["a", "b", "c", "d"], "choose": "random"}}}
        async with bench(scenario) as it:
            return [await it.answer() for _ in range(12)]

    first = await run(1)
    assert first == await run(1)
    assert first != await run(2)
    assert len(set(first)) > 1


async def test_several_choices_each_get_their_answer(bench):
    async with bench(answer=["a b", "c d"]) as it:
        whole = await it.chat(n=2)
        assert [choice.message.content for choice in whole.choices] == ["a b", "c d"]
        pieces = [(c.choices[0].index, c.choices[0].delta.content) for c in await it.chunks(n=2)]
        texts = [piece for piece in pieces if piece[1]]
        assert texts == [(0, "c"), (1, "a"), (0, " d"), (1, " b")]


async def test_answers_have_the_declared_length(bench):
    async with bench(answer="one two three", tokens=7) as it:
        answer = await it.chat()
        assert answer.choices[0].message.content == "one two three one two three one"
        assert answer.usage.completion_tokens == 7


async def test_a_limit_of_tokens_ends_the_answer(bench):
    async with bench(answer="one two three") as it:
        answer = await it.chat(max_tokens=2)
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("one two", "length")
        reply = await it.message(max_tokens=1)
        assert (reply.content[0].text, reply.stop_reason) == ("one", "max_tokens")
        response = await it.openai.responses.create(model="m", input="x", max_output_tokens=1)
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")


async def test_tool_calls_come_when_tools_are_offered_and_only_then(bench):
    async with bench(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo", "days": 2}}, {}]) as it:
        plain = await it.chat()
        assert plain.choices[0].message.tool_calls is None
        answer = await it.chat(tools=tools("weather", "clock"))
        calls = answer.choices[0].message.tool_calls
        assert answer.choices[0].finish_reason == "tool_calls"
        assert [call.function.name for call in calls] == ["weather", "clock"]
        assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Oslo", "days": 2}, {"zone": "utc"}]
        reply = await it.message(tools=anthropic_tools("weather", "clock"))
        assert reply.stop_reason == "tool_use"
        assert [block.input for block in reply.content] == [{"city": "Oslo", "days": 2}, {"zone": "utc"}]


async def test_tool_choice_is_obeyed(bench):
    async with bench(answer="text", tool_calls=[{"name": "weather"}]) as it:
        assert (await it.chat(tools=tools("weather"), tool_choice="none")).choices[0].message.content == "text"
        named = {"type": "function", "function": {"name": "clock"}}
        forced = await it.chat(tools=tools("weather", "clock"), tool_choice=named)
        assert [call.function.name for call in forced.choices[0].message.tool_calls] == ["clock"]
        reply = await it.message(tools=anthropic_tools("clock"), tool_choice={"type": "any"})
        assert reply.content[0].name == "clock"


async def test_after_a_tool_result_the_model_answers(bench):
    async with bench(answer="sunny", tool_calls=[{}]) as it:
        asked = [{"role": "user", "content": "weather?"}, {"role": "tool", "tool_call_id": "call_1", "content": "sun"}]
        answer = await it.openai.chat.completions.create(model="m", messages=asked, tools=tools("weather"))
        assert answer.choices[0].message.content == "sunny"


async def test_streamed_tool_calls_are_whole_again_in_every_dialect(bench):
    async with bench(
        tool_calls=[{"name": "weather", "arguments": {"city": "Bergen", "days": 3}}, {"name": "clock"}]
    ) as it:
        expected = [{"city": "Bergen", "days": 3}, {"zone": "utc"}]
        async with it.openai.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "?"}], tools=tools("weather", "clock")
        ) as stream:
            calls = (await stream.get_final_completion()).choices[0].message.tool_calls
        assert [json.loads(call.function.arguments) for call in calls] == expected
        async with it.anthropic.messages.stream(
            model="m",
            max_tokens=99,
            messages=[{"role": "user", "content": "?"}],
            tools=anthropic_tools("weather", "clock"),
        ) as stream:
            assert [block.input for block in (await stream.get_final_message()).content] == expected
        flat = [{"type": "function", **tool["function"]} for tool in tools("weather", "clock")]
        async with it.openai.responses.stream(model="m", input="?", tools=flat) as stream:
            output = (await stream.get_final_response()).output
        assert [json.loads(item.arguments) for item in output] == expected


@pytest.mark.parametrize("is_interleaved", [True, False])
async def test_parallel_tool_calls_interleave_only_when_told(bench, is_interleaved):
    shape = {"has_interleaved_tool_calls": is_interleaved}
    async with bench(tool_calls=[{"name": "weather"}, {"name": "clock"}], stream=shape) as it:
        chunks = await it.chunks(tools=tools("weather", "clock"))
        order = [call.index for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
        assert (order == sorted(order)) is not is_interleaved
        assert set(order) == {0, 1}


async def test_a_wanted_schema_is_satisfied(bench):
    async with bench(answer="Oslo") as it:
        form = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
        content = json.loads(await it.answer(response_format=form))
        jsonschema.validate(content, WEATHER)
        assert content["city"] == "Oslo"
        reply = await it.message(extra_body={"output_config": {"format": {"type": "json_schema", "schema": WEATHER}}})
        jsonschema.validate(json.loads(reply.content[0].text), WEATHER)
        text = {"format": {"type": "json_schema", "name": "w", "schema": WEATHER}}
        response = await it.openai.responses.create(model="m", input="x", text=text)
        jsonschema.validate(json.loads(response.output_text), WEATHER)
        assert json.loads(await it.answer(response_format={"type": "json_object"})) == {"answer": "Oslo"}


async def test_a_model_without_schema_support_ignores_the_schema(bench):
    async with bench(answer="Oslo", has_schema_support=False) as it:
        form = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
        assert await it.answer(response_format=form) == "Oslo"


async def test_reasoning_comes_before_the_answer_and_is_counted(bench):
    async with bench(answer="done", reasoning="let me think") as it:
        whole = await it.chat()
        assert whole.choices[0].message.reasoning_content == "let me think"
        assert whole.usage.completion_tokens_details.reasoning_tokens == 3
        deltas = [chunk.choices[0].delta for chunk in await it.chunks()]
        kinds = ["r" if getattr(d, "reasoning_content", None) else "c" for d in deltas if d.content or d.role is None]
        assert "".join(kinds).startswith("rrrc")
        reply = await it.message()
        assert [block.type for block in reply.content] == ["thinking", "text"]
        async with it.anthropic.messages.stream(
            model="m", max_tokens=99, messages=[{"role": "user", "content": "?"}]
        ) as stream:
            assert (await stream.get_final_message()).content[0].thinking == "let me think"
        response = await it.openai.responses.create(model="m", input="x")
        assert response.output[0].summary[0].text == "let me think"


async def test_embeddings_depend_on_the_text_alone(bench):
    async with bench() as it:
        first = await it.openai.embeddings.create(model="e", input=["a", "b"], dimensions=8)
        again = await it.openai.embeddings.create(model="e", input="b", encoding_format="float", dimensions=8)
        vectors = [item.embedding for item in first.data]
        assert vectors[0] != vectors[1]
        assert vectors[1] == pytest.approx(again.data[0].embedding, abs=1e-6)
        assert sum(value**2 for value in vectors[0]) == pytest.approx(1, abs=1e-5)
        with pytest.raises(openai.BadRequestError):
            await it.openai.embeddings.create(model="e", input="b", dimensions=-1)


async def test_tokens_are_counted_the_same_everywhere(bench):
    async with bench() as it:
        counted = await it.anthropic.messages.count_tokens(model="m", messages=[{"role": "user", "content": "a b c"}])
        assert counted.input_tokens == (await it.message("a b c")).usage.input_tokens == 3


async def test_models_are_listed_in_both_dialects(bench):
    async with bench({"models": {"one": {}, "two": {}, "g-*": {}}}) as it:
        assert [model.id async for model in it.openai.models.list()] == ["one", "two"]
        assert [model.id async for model in it.anthropic.models.list()] == ["one", "two"]
        assert (await it.openai.models.retrieve("g-7")).id == "g-7"
        with pytest.raises(openai.NotFoundError):
            await it.openai.models.retrieve("three")


async def test_a_model_nothing_fits_is_not_found_in_the_dialect(bench):
    async with bench({"models": {"one": {}}}) as it:
        with pytest.raises(openai.NotFoundError) as caught:
            await it.chat()
        assert caught.value.code == "model_not_found"
        with pytest.raises(anthropic.NotFoundError) as caught:
            await it.message()
        assert caught.value.body["error"]["type"] == "not_found_error"


async def test_the_key_is_required_in_either_header(bench):
    scenario = {"api_key": "secret", "models": {"*": {"answer": "in"}}}
    async with bench(scenario, api_key="secret") as it:
        assert await it.answer() == "in"
        assert (await it.message()).content[0].text == "in"
    async with bench(scenario, api_key="other") as it:
        with pytest.raises(openai.AuthenticationError):
            await it.chat()
        with pytest.raises(anthropic.AuthenticationError):
            await it.message()
        with pytest.raises(openai.AuthenticationError):
            await it.openai.models.list()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", b"{"),
        ("/v1/chat/completions", b"[]"),
        ("/v1/chat/completions", b'{"model": "m"}'),
        ("/v1/chat/completions", b'{"model": "m", "messages": []}'),
        ("/v1/chat/completions", b'{"model": "m", "messages": [7]}'),
        ("/v1/chat/completions", b'{"messages": [{"role": "user", "content": "x"}]}'),
        ("/v1/chat/completions", b'{"model": "m", "n": 0.5, "messages": [{"role": "user", "content": "x"}]}'),
        ("/v1/messages", b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}'),
        ("/v1/embeddings", b'{"model": "m"}'),
    ],
)
async def test_wrong_requests_get_400(bench, path, body):
    async with bench() as it, httpx2.AsyncClient() as client:
        answer = await client.post(it.sim.url + path, content=body, headers={"anthropic-version": "2023-06-01"})
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_the_anthropic_version_is_required(bench):
    async with bench() as it, httpx2.AsyncClient() as client:
        body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
        answer = await client.post(f"{it.sim.url}/v1/messages", json=body)
        assert answer.status_code == 400
        assert "anthropic-version" in answer.json()["error"]["message"]


async def test_unknown_paths_and_methods_are_refused(bench):
    async with bench() as it, httpx2.AsyncClient() as client:
        assert (await client.get(f"{it.sim.url}/v1/nothing")).status_code == 404
        assert (await client.get(f"{it.sim.url}/v1/chat/completions")).status_code == 405
        assert (await client.get(f"{it.sim.url}/healthz")).json() == {"status": "ok"}


async def test_the_model_takes_its_time_for_the_first_and_each_token(bench):
    async with bench(answer="one two three", first_token_seconds=0.08, token_seconds=0.04) as it:
        loop = asyncio.get_running_loop()
        began = loop.time()
        times = [loop.time() - began async for c in await it.chat(stream=True) if c.choices[0].delta.content]
        assert times[0] >= 0.08
        assert times[2] - times[0] >= 0.06
        began = loop.time()
        await it.chat()
        assert loop.time() - began >= 0.16
