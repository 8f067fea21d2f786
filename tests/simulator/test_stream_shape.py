"""The bytes of a stream are cut as told, and its content stays the same."""

import gzip
import zlib

import pytest

TEXT = "grüße 漢字 🙂 and more words to be cut somewhere"


async def whole(it, **shape):
    it.sim.patch("*", stream=None)
    it.sim.patch("*", stream=shape)
    answer = await it.raw_chat(stream=True)
    assert answer.ending == "whole"
    assert answer.text == TEXT
    return answer


async def test_every_event_is_one_write_by_default(bench):
    async with bench(answer=TEXT) as it:
        answer = await whole(it)
        assert all(piece.count(b"data: ") == 1 and piece.endswith(b"\n\n") for piece in answer.chunks)


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_events_are_split_across_their_borders(bench, size):
    async with bench(answer=TEXT) as it:
        sizes = [len(piece) for piece in (await whole(it, split_bytes=size)).chunks]
        assert set(sizes[:-1]) == {size}
        assert 0 < sizes[-1] <= size


async def test_several_events_share_a_write(bench):
    async with bench(answer=TEXT) as it:
        counts = [piece.count(b"data: ") for piece in (await whole(it, events_per_write=4)).chunks]
        assert set(counts[:-1]) == {4}


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
async def test_lines_end_as_told(bench, line_end):
    async with bench(answer=TEXT) as it:
        body = (await whole(it, line_end=line_end)).body.decode()
        assert line_end * 2 in body
        assert "\n" not in body.replace(line_end, "")


async def test_a_byte_order_mark_opens_the_stream(bench):
    async with bench(answer=TEXT) as it:
        assert (await whole(it, has_byte_order_mark=True)).body.startswith(b"\xef\xbb\xbfdata: ")
        assert (await whole(it)).body.startswith(b"data: ")


async def test_comments_precede_events(bench):
    async with bench(answer=TEXT) as it:
        body = (await whole(it, has_comments=True)).body
        assert body.count(b": comment\n") == body.count(b"\n\n")


async def test_a_drip_arrives_byte_by_byte(bench):
    async with bench(answer="ab", stream={"split_bytes": 1, "drip_seconds": 0.001}) as it:
        answer = await it.raw_chat(stream=True, quiet_after=2)
        assert len(answer.reads) > len(answer.body) / 3
        whole = await it.raw_chat(quiet_after=2)
        assert len(whole.reads) > len(whole.body) / 3


async def test_role_chunk_empty_deltas_and_terminator_can_be_chosen(bench):
    async with bench(answer=TEXT) as it:
        assert '"role":"assistant"' in (await whole(it)).events[0]
        assert '"role"' not in "".join((await whole(it, has_role_chunk=False)).events)
        events = (await whole(it, has_role_chunk=False, empty_deltas=2)).events
        assert ['"delta":{}' in event for event in events[:3]] == [True, True, False]
        assert (await whole(it)).events[-1] == "[DONE]"
        assert "[DONE]" not in (await whole(it, has_terminator=False)).events
        it.sim.patch("*", stream={"has_terminator": False})
        assert b"message_stop" not in (await it.raw_message(stream=True)).body
        it.sim.patch("*", stream=None)
        assert b"message_stop" in (await it.raw_message(stream=True)).body


async def test_gzip_comes_unasked_and_every_event_can_be_read_at_once(bench):
    async with bench(answer=TEXT, is_gzipped=True) as it:
        answer = await it.raw_chat(stream=True)
        assert "content-encoding: gzip" in answer.head
        unzip = zlib.decompressobj(wbits=31)
        parts = [unzip.decompress(piece) for piece in answer.chunks]
        assert unzip.eof
        assert all(part.count(b"data: ") == 1 for part in parts[:-1])
        assert gzip.decompress((await it.raw_chat()).body).startswith(b"{")
        assert await it.answer() == TEXT
        chunks = await it.chunks()
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
