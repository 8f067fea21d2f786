"""Token usage appears where the scenario says."""

import pytest

ASKED = {"include_usage": True}


async def usages(it, **fields):
    """Per chunk: has choices, has a finish reason, tokens (None: null, "-": no field)."""
    found = []
    for chunk in await it.chunks(**fields):
        is_set = "usage" in chunk.model_fields_set
        tokens = "-" if not is_set else chunk.usage and chunk.usage.completion_tokens
        found.append((bool(chunk.choices), bool(chunk.choices and chunk.choices[0].finish_reason), tokens))
    return found


@pytest.mark.parametrize(
    ("form", "options", "expected"),
    [
        ("null_then_last", ASKED, [(True, False, None)] * 3 + [(True, True, None), (False, False, 2)]),
        ("null_then_last", None, [(True, False, "-")] * 3 + [(True, True, "-")]),
        ("last_chunk", ASKED, [(True, False, "-")] * 3 + [(True, True, "-"), (False, False, 2)]),
        ("last_chunk", None, [(True, False, "-")] * 3 + [(True, True, "-")]),
        ("with_finish", None, [(True, False, "-")] * 3 + [(True, True, 2)]),
        ("after_finish", None, [(True, False, "-")] * 3 + [(True, True, "-"), (True, False, 2)]),
        ("cumulative", None, [(True, False, 0), (True, False, 1), (True, False, 2), (True, True, 2)]),
        ("missing", ASKED, [(True, False, "-")] * 3 + [(True, True, "-")]),
        ("never", ASKED, [(True, False, "-")] * 3 + [(True, True, "-")]),
    ],
)
async def test_a_stream_shows_usage_where_told(bench, form, options, expected):
    async with bench(answer="one two", usage=form) as it:
        assert await usages(it, **({"stream_options": options} if options else {})) == expected


async def test_whole_answers_have_usage_unless_never(bench):
    async with bench({"models": {"missing": {"usage": "missing"}, "never": {"usage": "never"}}}) as it:
        assert (await it.chat(model="missing")).usage.completion_tokens > 0
        assert (await it.chat(model="never")).usage is None
        assert (await it.message(model="never")).usage is None
        assert (await it.openai.responses.create(model="never", input="x")).usage is None


async def test_anthropic_usage_grows_when_cumulative_and_vanishes_when_missing(bench):
    models = {"plain": {}, "cumulative": {"usage": "cumulative"}, "missing": {"usage": "missing"}}
    async with bench({"models": {name: {"answer": "one two", **b} for name, b in models.items()}}) as it:

        async def outputs(model):
            answer = await it.raw_message(model=model, stream=True)
            return [e.count('"output_tokens"') for e in answer.events if '"message_delta"' in e], answer.body

        assert (await outputs("plain"))[0] == [1]
        assert (await outputs("cumulative"))[0] == [1, 1, 1]
        deltas, body = await outputs("missing")
        assert deltas == [0]
        assert b"usage" not in body


async def test_of_several_choices_only_the_last_finish_has_usage(bench):
    async with bench(answer=["one", "one two three"], usage="with_finish") as it:
        found = [tokens for _, is_finish, tokens in await usages(it, n=2) if is_finish]
        assert found == ["-", 4]
