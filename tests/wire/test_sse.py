"""The event decoder: any chunking, any line end, bounded memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.sse import (
    BlockSplitter,
    EventTooLargeError,
    SseDecoder,
    SseEvent,
    block_data,
    encode_event,
    parse_block,
    simple_data,
)

LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data: \xe2\x82\xac", b"data", b"event: x", b"id: 7", b"retry: 30", b": ping", b"", b""]
)


@st.composite
def chunked_streams(draw):
    lines = draw(st.lists(st.tuples(LINES, LINE_ENDS), max_size=25))
    stream = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(line + end for line, end in lines)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    return stream, [stream[start:end] for start, end in pairwise(edges)]


def decode(chunks):
    decoder = SseDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.end()


@given(chunked_streams())
def test_any_chunking_gives_the_same_events(case):
    stream, chunks = case
    assert decode(chunks) == decode([stream]) == decode([stream[i : i + 1] for i in range(len(stream))])


@given(chunked_streams())
def test_blocks_and_rest_are_the_stream_without_its_byte_order_mark(case):
    stream, chunks = case
    splitter = BlockSplitter()
    blocks = [block for chunk in chunks for block in splitter.feed(chunk)]
    assert b"".join(blocks) + splitter.rest() == stream.removeprefix(b"\xef\xbb\xbf")


def naive_events(stream):
    """A second, slow reading of the standard, line by line, of complete events only."""
    lines = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]
    events, data = [], []
    for line in lines:
        if not line:
            events += [b"\n".join(data)] if data else []
            data = []
        elif line == b"data":
            data.append(b"")
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
    return events


@given(chunked_streams())
def test_data_agrees_with_a_naive_reading_of_the_standard(case):
    stream, chunks = case
    stream, chunks = stream + b"\n\n", [*chunks, b"\n\n"]
    assert [event.data for event in decode(chunks) if event.has_data] == naive_events(stream)


def test_every_field_survives():
    block = b"id: 4\nevent: tick\nretry: 250\n: hello\ndata: one\ndata:two\n\n"
    assert parse_block(block) == SseEvent(b"one\ntwo", b"tick", b"4", 250, (b"hello",), True)


def test_only_one_space_belongs_to_the_field():
    assert parse_block(b"data:  x\n\n").data == b" x"


def test_a_comment_has_no_data_and_an_empty_data_line_has():
    assert block_data(b": ping\n\n") is None
    assert block_data(b"data:\n\n") == b""


@pytest.mark.parametrize(
    "block",
    [
        b"data: {}\n\n",
        b"data:{}\n\n",
        b"event: a\ndata: {}\n\n",
        b"data: {}\r\n\r\n",
        b"data: {}\nid: 1\n\n",
        b"\ndata: {}\n\n",
    ],
)
def test_data_is_found_in_every_writing(block):
    assert block_data(block) == b"{}"


@given(chunked_streams())
def test_the_short_way_to_the_data_agrees_with_the_long_one(case):
    stream, _ = case
    simple = simple_data(stream)
    if simple is not None:
        assert [(event.data, event.id, event.retry) for event in decode([stream])] == [(simple, None, None)]


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: abc\n\n", b"abc"),
        (b"event: x\ndata: abc\n\n", b"abc"),
        (b"data: abc\ndata: d\n\n", None),
        (b"data: abc\n\ndata: d\n\n", None),
        (b"event: x\nid: 1\ndata: a\n\n", None),
        (b"data: ab\r\n\n", None),
        (b"data: abc\n", None),
        (b": data: abc\n\n", None),
        (b"x", None),
        (b"\n", None),
        (b"", None),
    ],
)
def test_the_short_way_is_taken_for_single_plain_blocks_only(stream, data):
    assert simple_data(stream) == data


def test_a_crlf_that_straddles_two_reads_is_one_line_end():
    splitter = BlockSplitter()
    assert splitter.feed(b"data: a\r\n\r") == []
    assert splitter.feed(b"\ndata: b\r\n\r\nd") == [b"data: a\r\n\r\n", b"data: b\r\n\r\n"]
    assert splitter.rest() == b"d"


def test_a_character_cut_by_the_network_arrives_whole():
    encoded = encode_event("data €".encode())
    assert [event.data for event in decode([encoded[:12], encoded[12:]])] == ["data €".encode()]


def test_an_endless_event_is_refused():
    decoder = SseDecoder(limit=100)
    decoder.feed(b"data: " + b"x" * 200)
    with pytest.raises(EventTooLargeError):
        decoder.feed(b"x")


@given(st.binary().filter(lambda data: b"\r" not in data), st.sampled_from([b"", b"name"]))
def test_an_encoded_event_decodes_to_itself(data, name):
    (event,) = decode([encode_event(data, name)])
    assert (event.data, event.event) == (data, name)
