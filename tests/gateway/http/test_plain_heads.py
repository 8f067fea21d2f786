import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.gateway.http.limits import Limits
from tidegate.gateway.http.plain_heads import split_answer, split_head
from tidegate.gateway.http.refusal import RefusalError
from tidegate.gateway.http.requests import RequestReader

LINE = b"POST /v1/messages?a=b HTTP/1.1"
PLAIN = LINE + b"\r\nhost: a.example\r\nContent-Length: 2\r\nX-Api-Key: k\r\n\r\n"


class Answered:
    """What llhttp makes of an answer."""

    def __init__(self):
        self.headers = {}
        self.body = b""
        self.is_complete = self.is_keep_alive = False
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name, value):
        assert name.lower() not in self.headers
        self.headers[name.lower()] = value

    def on_headers_complete(self):
        self.is_keep_alive = self.parser.should_keep_alive()

    def on_body(self, data):
        self.body += data

    def on_message_complete(self):
        self.is_complete = True


def read(reader, data):
    """What ``reader`` makes of one request: its facts, its refusal, or nothing yet."""
    reader.feed(data)
    try:
        request = reader.next_request()
    except RefusalError as refusal:
        return refusal.status, refusal.code
    if request is None:
        return None
    return request.method, request.target, request.headers, bytes(request.body), request.is_keep_alive


def test_an_ordinary_head_is_split_into_its_line_and_lower_case_headers():
    expected = (LINE, {b"host": b"a.example", b"content-length": b"2", b"x-api-key": b"k"})
    assert split_head(PLAIN) == expected
    assert split_head(PLAIN) == expected  # from memory


@pytest.mark.parametrize(
    "line",
    [
        b"a:b",
        b"a:  b",
        b"a: b ",
        b"a: ",
        b"a:",
        b"a : b",
        b" a: b",
        b"\ta: b",
        b"a: b\tc",
        b"a: b\rc",
        b"a: b\nc",
        b"a: b\0",
        b"a: \xe4",
        b"a: \x7f",
        b"a\xe4: b",
        b"a(b): c",
        b": b",
        b"ab",
        b"HOST: b.example",  # a name twice
    ],
)
def test_a_head_out_of_the_ordinary_is_left_to_llhttp(line):
    assert split_head(LINE + b"\r\nhost: a.example\r\n" + line + b"\r\n\r\n") is None
    assert split_answer(b"HTTP/1.1 200 OK\r\nhost: a\r\ncontent-length: 0\r\n" + line + b"\r\n\r\n") is None


def test_what_is_remembered_stays_bounded_and_right():
    for number in range(5000):
        text = b"%d" % number
        split = split_head(LINE + b"\r\nx-%b: v%b\r\nhost: a\r\n\r\n" % (text, text))
        assert split == (LINE, {b"x-" + text: b"v" + text, b"host": b"a"})


def test_a_whole_answer_with_a_length_is_taken_at_once():
    data = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\nconnection: keep-alive\r\n\r\nabc"
    assert split_answer(data) == (201, {b"connection": b"keep-alive"}, b"abc")  # the body tells the length


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0x3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: " + b"0" * 18 + b"3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: Upgrade\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nupgrade: h2c\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 2000 OK\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1  200 OK\r\ncontent-length: 3\r\n\r\nabc",
        b"http/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 O\tK\r\ncontent-length: 3\r\n\r\nabc",
        b"\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r",
    ],
)
def test_any_other_answer_is_left_to_llhttp(data):
    assert split_answer(data) is None


ODD_LINES = b"a:b|b: \xe4| c: d|d|e: f\r|content-length: x|f: |g: h |h:  i|i: j\tk|content-length: +2"
FRAMING_LINES = b"content-length: 2|Content-Length: 2|transfer-encoding: chunked|connection: close|upgrade: x"
OTHER_LINES = b"Host: a|host: b|Connection: keep-alive|expect: 100-continue|a: b|A: c|x-tidegate-unit: u"
LINES = st.lists(
    st.sampled_from([*ODD_LINES.split(b"|"), *FRAMING_LINES.split(b"|"), *OTHER_LINES.split(b"|")])
    | st.binary(max_size=12),
    max_size=6,
)
FIRST = st.sampled_from((LINE, b"GET / HTTP/1.1", b"POST / HTTP/1.0", b"GET /#a HTTP/1.1", b"GET /"))


@settings(max_examples=400, deadline=None)
@given(FIRST, LINES)
def test_a_request_is_judged_alike_when_its_line_is_known(first, lines):
    data = b"\r\n".join((first, *lines, b"", b"ab"))
    fresh, primed = RequestReader(Limits()), RequestReader(Limits())
    read(primed, first + b"\r\nhost: a\r\n\r\n")
    if primed.held:
        return  # refused already
    assert read(primed, data) == read(fresh, data)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from((b"HTTP/1.1 200 OK", b"HTTP/1.1 404", b"HTTP/1.1 299 x y", b"HTTP/1.1 99 A")), LINES)
def test_an_answer_taken_at_once_means_the_same_to_llhttp(first, lines):
    data = b"\r\n".join((first, *lines, b"", b"ab"))
    split = split_answer(data)
    if split is None:
        return
    told = Answered()
    told.parser.feed_data(data)
    status, headers, body = split
    assert (told.parser.get_status_code(), told.headers, told.body) == (
        status,
        {**headers, b"content-length": b"%d" % len(body)},
        body,
    )
    assert told.is_complete
    assert told.is_keep_alive
