"""Every fault, seen from a raw socket: exactly what goes over the wire."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import anthropic
import httpx2
import openai
import pytest

TEXT = "one two three four five six"


def fault(kind, **settings):
    return {"answer": TEXT, "faults": [{"kind": kind, **settings}]}


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503, 529])
async def test_errors_come_in_the_dialect_of_the_request(bench, status):
    async with bench(**fault("error", status=status, message="went wrong")) as it:
        with pytest.raises(openai.APIStatusError, match="went wrong") as caught:
            await it.chat()
        assert caught.value.status_code == status
        with pytest.raises(anthropic.APIStatusError, match="went wrong") as caught:
            await it.message()
        assert caught.value.status_code == status
        assert caught.value.body["type"] == "error"


async def test_an_error_can_wait_and_carries_its_code(bench):
    async with bench(**fault("error", status=429, code="insufficient_quota", delay_seconds=0.1)) as it:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(openai.RateLimitError) as caught:
            await it.chat()
        assert loop.time() - began >= 0.1
        assert (caught.value.code, caught.value.type) == ("insufficient_quota", "insufficient_quota")


async def test_an_anthropic_error_type_can_be_named(bench):
    async with bench(**fault("error", status=500, code="overloaded_error")) as it:
        with pytest.raises(anthropic.InternalServerError) as caught:
            await it.message()
        assert caught.value.body["error"]["type"] == "overloaded_error"


async def test_retry_after_has_three_forms(bench):
    async with bench() as it:

        async def header(form, name):
            fault = {"kind": "error", "status": 429, "retry_after_seconds": 7, "retry_after_form": form}
            it.sim.patch("*", faults=[fault])
            with pytest.raises(openai.RateLimitError) as caught:
                await it.chat()
            return caught.value.response.headers[name]

        assert await header("seconds", "retry-after") == "7"
        assert await header("milliseconds", "retry-after-ms") == "7000"
        at = parsedate_to_datetime(await header("date", "retry-after"))
        assert timedelta(seconds=4) < at - datetime.now(UTC) <= timedelta(seconds=7)


async def test_faults_strike_the_requests_they_name(bench):
    async with bench(answer="x", faults=[{"kind": "error", "after_requests": 1, "first": 2}]) as it:
        statuses = [(await it.raw_chat()).status for _ in range(5)]
        assert statuses == [200, 500, 500, 200, 200]


async def test_a_refusal_is_structured_in_every_dialect(bench):
    async with bench(**fault("refusal", text="not for {{ user }}")) as it:
        message = (await it.chat("me")).choices[0].message
        assert (message.refusal, message.content) == ("not for me", None)
        streamed = "".join(chunk.choices[0].delta.refusal or "" for chunk in await it.chunks("me"))
        assert streamed == "not for me"
        assert (await it.message()).stop_reason == "refusal"
        response = await it.openai.responses.create(model="m", input="me")
        assert response.output[0].content[0].refusal == "not for me"
        async with it.openai.responses.stream(model="m", input="me") as stream:
            assert (await stream.get_final_response()).output[0].content[0].refusal == "not for me"


async def test_the_content_filter_stops_prompts_and_answers(bench):
    async with bench(**fault("content_filter")) as it:
        with pytest.raises(openai.BadRequestError) as caught:
            await it.chat()
        assert caught.value.code == "content_filter"
        it.sim.patch("*", faults=[{"kind": "content_filter", "on": "answer", "after_tokens": 2}])
        choice = (await it.chat()).choices[0]
        assert (choice.message.content, choice.finish_reason) == ("one two", "content_filter")


async def test_a_long_prompt_is_refused(bench):
    async with bench(context_tokens=3) as it:
        assert (await it.chat("a b c")).choices
        with pytest.raises(openai.BadRequestError) as caught:
            await it.chat("a b c d")
        assert caught.value.code == "context_length_exceeded"
        with pytest.raises(anthropic.BadRequestError, match="4 tokens > 3 maximum"):
            await it.message("a b c d")
        it.sim.patch("*", context_tokens=None, faults=[{"kind": "context_length"}])
        with pytest.raises(openai.BadRequestError) as caught:
            await it.chat("a")
        assert caught.value.code == "context_length_exceeded"


async def test_a_rate_limit_lets_its_burst_through_and_recovers(bench):
    async with bench(answer="x", rate_limit={"requests_per_second": 20, "burst": 3}) as it:
        statuses = [(await it.raw_chat()).status for _ in range(4)]
        assert statuses[:3] == [200, 200, 200]
        it.sim.patch("*", rate_limit={"requests_per_second": 5, "burst": 1})
        await it.chat()
        with pytest.raises(openai.RateLimitError) as caught:
            await it.chat()
        assert caught.value.response.headers["retry-after"] == "1"  # whole seconds, rounded up
        await asyncio.sleep(0.22)
        assert await it.answer() == "x"


async def test_truncation_by_length_ends_properly(bench):
    async with bench(**fault("truncate", by="length", after_tokens=2)) as it:
        choice = (await it.chat()).choices[0]
        assert (choice.message.content, choice.finish_reason) == ("one two", "length")
        answer = await it.raw_chat(stream=True)
        assert (answer.text, answer.events[-1]) == ("one two", "[DONE]")
        assert '"finish_reason":"length"' in answer.events[-2]


async def test_a_cut_stream_ends_its_framing_but_never_finishes(bench):
    async with bench(**fault("truncate", by="cut", after_tokens=2)) as it:
        answer = await it.raw_chat(stream=True)
        assert (answer.ending, answer.text) == ("whole", "one two")
        assert b"[DONE]" not in answer.body
        assert b'"finish_reason":"' not in answer.body
        whole = await it.raw_chat()
        assert whole.ending == "whole"
        with pytest.raises(json.JSONDecodeError):
            json.loads(whole.body)


async def test_a_broken_chunk_ends_the_connection_inside_the_framing(bench):
    async with bench(**fault("truncate", by="chunk", after_tokens=2)) as it:
        answer = await it.raw_chat(stream=True)
        assert answer.ending == "closed"
        assert b"\r\n0\r\n" not in answer.raw
        whole = await it.raw_chat()
        length = int(whole.head.partition("content-length: ")[2].split("\r\n")[0])
        assert whole.ending == "closed"
        assert 0 < len(whole.body) < length


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_hang_before_the_headers_sends_nothing(bench, is_stream):
    async with bench(**fault("hang")) as it:
        answer = await it.raw_chat(stream=is_stream, quiet_after=0.3)
        assert (answer.ending, answer.raw) == ("quiet", b"")


async def test_a_hang_before_the_content_keeps_the_stream_alive(bench):
    async with bench(**fault("hang", before="content", keepalive_seconds=0.02)) as it:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(it.raw_chat(stream=True), 0.15)  # the keepalives keep it from falling quiet
        await asyncio.sleep(0.05)
        assert it.sim.requests[-1].outcome == "aborted"
        it.sim.patch("*", faults=[{"kind": "hang", "before": "content", "seconds": 0.1, "keepalive_seconds": 0.03}])
        answer = await it.raw_chat(stream=True)
        before, _, after = answer.body.partition(b'"content":"one"')
        assert before.count(b": keepalive\n\n") == 4
        assert b"keepalive" not in after
        assert answer.text == TEXT
        message = await it.raw_message(stream=True)
        assert message.body.count(b"event: ping") == 5  # one belongs to every message
        whole = await it.raw_chat()
        assert whole.status == 200
        assert json.loads(whole.body)["choices"][0]["message"]["content"] == TEXT


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_hang_amid_the_answer_sends_a_part_and_falls_silent(bench, is_stream):
    async with bench(**fault("hang", before="token", after_tokens=2)) as it:
        answer = await it.raw_chat(stream=is_stream, quiet_after=0.3)
        assert answer.ending == "quiet"
        assert answer.body
        if is_stream:
            assert answer.text == "one two"
        else:
            assert len(answer.body) == int(answer.head.partition("content-length: ")[2].split("\r\n")[0]) // 2
        it.sim.patch("*", faults=[{"kind": "hang", "before": "token", "seconds": 0.05}])
        assert (await it.raw_chat(stream=is_stream)).ending == "whole"


@pytest.mark.parametrize("is_stream", [True, False])
async def test_resets_come_before_or_after_the_first_bytes(bench, is_stream):
    async with bench(**fault("reset")) as it:
        answer = await it.raw_chat(stream=is_stream)
        assert (answer.ending, answer.raw) == ("reset", b"")
        it.sim.patch("*", faults=[{"kind": "reset", "before": "token", "after_tokens": 2}])
        answer = await it.raw_chat(stream=is_stream)
        assert answer.ending == "reset"
        assert answer.status == 200
        assert answer.body
        assert answer.text == "one two" or not is_stream


async def test_a_closed_connection_gives_no_byte(bench):
    async with bench(**fault("closed")) as it:
        answer = await it.raw_chat()
        assert (answer.ending, answer.raw) == ("closed", b"")
        with pytest.raises(openai.APIConnectionError):
            await it.chat()


async def test_one_malformed_event_leaves_the_rest(bench):
    async with bench(**fault("malformed_event", after_tokens=2)) as it:
        answer = await it.raw_chat(stream=True)
        assert answer.events[3] == "{not json"
        assert (answer.text, answer.events[-1]) == (TEXT, "[DONE]")
        message = await it.raw_message(stream=True)
        assert b"event: content_block_delta\ndata: {not json\n\n" in message.body
        assert (await it.raw_chat()).body == b"{not json"


async def test_truncated_json_is_inside_proper_framing(bench):
    async with bench(**fault("truncated_json", after_tokens=1)) as it:
        answer = await it.raw_chat(stream=True)
        assert answer.ending == "whole"
        assert answer.events[-1].startswith("{")
        assert not answer.events[-1].endswith("}")
        whole = await it.raw_chat()
        assert (whole.ending, whole.status) == ("whole", 200)
        with pytest.raises(json.JSONDecodeError):
            json.loads(whole.body)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_wrong_length_is_announced(bench, is_stream):
    async with bench(**fault("wrong_length", extra_bytes=50)) as it:
        answer = await it.raw_chat(stream=is_stream)
        length = int(answer.head.partition("content-length: ")[2].split("\r\n")[0])
        assert answer.ending == "closed"
        assert length == len(answer.body) + 50


async def test_an_html_page_replaces_the_answer(bench):
    async with bench(**fault("wrong_content_type")) as it:
        answer = await it.raw_chat(stream=True)
        assert answer.status == 200
        assert "content-type: text/html" in answer.head
        assert answer.body.startswith(b"<!doctype html>")


async def test_a_redirect_sends_the_client_away(bench):
    async with bench(**fault("redirect", status=302, location="http://elsewhere.test/")) as it:
        answer = await it.raw_chat()
        assert answer.status == 302
        assert "location: http://elsewhere.test/" in answer.head


@pytest.mark.parametrize("is_stream", [True, False])
async def test_an_endless_answer_goes_on_until_the_client_leaves(bench, is_stream):
    async with bench(**fault("endless", after_tokens=1)) as it:
        size = 0
        async with httpx2.AsyncClient() as client:
            body = {"model": "m", "stream": is_stream, "messages": [{"role": "user", "content": "x"}]}
            async with client.stream("POST", f"{it.sim.url}/v1/chat/completions", json=body) as answer:
                async for part in answer.aiter_raw():
                    size += len(part)
                    if size > (5000 if is_stream else 500):
                        break
        await asyncio.sleep(0.05)
        assert it.sim.stats()["aborted"] == 1
        assert it.sim.stats()["aborted_streams"] == int(is_stream)


async def test_an_error_event_breaks_a_stream_that_began_well(bench):
    async with bench(**fault("stream_error", after_tokens=2, message="too busy")) as it:
        answer = await it.raw_chat(stream=True)
        assert answer.text == "one two"
        assert json.loads(answer.events[-1])["error"]["message"] == "too busy"
        with pytest.raises(openai.APIError, match="too busy"):
            await it.chunks()
        message = await it.raw_message(stream=True)
        assert json.loads(message.events[-1])["error"]["type"] == "overloaded_error"
        events = [event async for event in await it.openai.responses.create(model="m", input="x", stream=True)]
        assert (events[-1].type, events[-1].message) == ("error", "too busy")
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert (await it.raw_chat()).status == 529


async def test_a_fault_beyond_the_end_strikes_at_the_last_token(bench):
    async with bench(**fault("truncate", by="cut", after_tokens=99)) as it:
        answer = await it.raw_chat(stream=True)
        assert answer.text == "one two three four five"
        assert b"[DONE]" not in answer.body


async def test_a_fault_amid_a_gzipped_stream_keeps_the_coding_sound(bench):
    async with bench(**fault("truncate", by="cut", after_tokens=2), is_gzipped=True) as it:
        body = gzip.decompress((await it.raw_chat(stream=True)).body)
        assert b"two" in body
        assert b"three" not in body


async def test_a_model_goes_bad_later_by_requests(bench):
    later = [{"after_requests": 2, "set": {"answer": "bad"}}, {"after_requests": 3, "set": {"reasoning": "hm"}}]
    async with bench(answer="good", later=later) as it:
        answers = [(await it.chat()).choices[0].message for _ in range(4)]
        assert [answer.content for answer in answers] == ["good", "good", "bad", "bad"]
        assert getattr(answers[3], "reasoning_content", None) == "hm"
        assert getattr(answers[2], "reasoning_content", None) is None


async def test_a_model_goes_bad_later_by_time(bench):
    async with bench(answer="good", later=[{"after_seconds": 0.15, "set": {"faults": [{"kind": "error"}]}}]) as it:
        while (await it.raw_chat()).status == 200:  # when exactly is the roster's, which is tested with its own clock
            await asyncio.sleep(0.02)
        assert (await it.raw_chat()).status == 500
