import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.gateway.http.limits import Limits
from tidegate.gateway.http.refusal import RefusalError
from tidegate.gateway.http.requests import RequestReader

HEAD = b"POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a.example:8000\r\n"


def read_all(pieces, limits=None):
    """Every request in ``pieces``, and the refusal that ended it, if any."""
    reader = RequestReader(limits or Limits())
    requests = []
    for piece in pieces:
        reader.feed(piece)
        try:
            while (request := reader.next_request()) is not None:
                requests.append(request)
        except RefusalError as refusal:
            return requests, refusal
    return requests, None


def facts(request):
    return (request.method, request.target, request.headers, bytes(request.body), request.is_keep_alive)


def refused(data, limits=None):
    requests, refusal = read_all([data], limits)
    assert refusal is not None, data
    assert requests == []
    return refusal.status


def test_a_request_with_a_length():
    [request], refusal = read_all([HEAD + b"X-A: b \t\r\nContent-Length: 3\r\n\r\nabc"])
    assert refusal is None
    assert (request.method, request.path, request.query) == (b"POST", "/v1/chat/completions", "x=1")
    assert request.headers == {b"host": b"a.example:8000", b"x-a": b"b"}
    assert request.body == b"abc"
    assert request.is_keep_alive


def test_a_chunked_request_with_extensions_and_trailers_keeps_only_the_body():
    data = (
        HEAD + b"Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\nhost: evil\r\n\r\n"
    )
    [request], _ = read_all([data])
    assert request.body == b"abcde"
    assert request.headers == {b"host": b"a.example:8000", b"transfer-encoding": b"Chunked"}


def test_repeated_list_headers_are_joined_and_repeated_credentials_refused():
    [request], _ = read_all([HEAD + b"Accept: a\r\naccept: b\r\n\r\n"])
    assert request.headers[b"accept"] == b"a, b"
    for name in (b"Authorization", b"x-api-key", b"Content-Type", b"X-Tidegate-Unit", b"Host", b"Expect"):
        assert refused(HEAD + b"%b: a\r\n%b: b\r\n\r\n" % (name, name.lower())) == 400


def test_http_1_0_closes_unless_it_asks_to_stay():
    [request], _ = read_all([b"GET / HTTP/1.0\r\n\r\n"])
    assert request.is_http10
    assert not request.is_keep_alive
    [request], _ = read_all([b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"])
    assert request.is_keep_alive
    for value, expected in ((b"close", False), (b"Keep-Alive, Close", False), (b"x", True), (b"keep-alive", True)):
        [request], _ = read_all([b"GET / HTTP/1.1\r\nHost: a\r\nConnection: %b\r\n\r\n" % value])
        assert request.is_keep_alive is expected


L = b"Content-Length: 3\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (HEAD + L + CHUNKED + b"\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + L + b"\r\n0\r\n\r\n", 400),
        (HEAD + L + b"Content-Length: 4\r\n\r\nabcd", 400),
        (HEAD + L + L + b"\r\nabc", 400),
        (HEAD + b"Content-Length: +3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length: -3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length: 3, 3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length: 0x3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length:\r\n\r\nabc", 400),
        (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nabc", 400),
        (HEAD + b"Content-Length : 3\r\n\r\nabc", 400),
        (HEAD + b"X-A: b\r\n c\r\n\r\n", 400),
        (HEAD + b" X-A: b\r\n\r\n", 400),
        (HEAD.replace(b"\r\n", b"\n") + b"\n", 400),
        (HEAD + b"X-A: b\nX-B: c\r\n\r\n", 400),
        (HEAD + b"X-A: b\rc\r\n\r\n", 400),
        (HEAD + b"X-A: b\0c\r\n\r\n", 400),
        (HEAD + b"X-A: b\x01c\r\n\r\n", 400),
        (HEAD + b": b\r\n\r\n", 400),
        (HEAD + b"X\xe9: b\r\n\r\n", 400),
        (HEAD + b"no colon\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: identity\r\n\r\n", 400),
        (HEAD + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n10000000000000002\r\nab\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n-1\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n 3\r\nabc\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n3 \r\nabc\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n3\nabc\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n3\r\nabcd\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n3;" + b"x" * 2000 + b"\r\nabc\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n" + b"".join(b"1;%b\r\na\r\n" % (b"x" * 900) for _ in range(30)) + b"0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n3;a\0b\r\nabc\r\n0\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n0\r\nbad trailer\r\n\r\n", 400),
        (HEAD + CHUNKED + b"\r\n0\r\nA: b\n\r\n", 400),
        (HEAD + b"Host: b\r\n\r\n", 400),
        (HEAD + b"Expect: 200-maybe\r\n" + L + b"\r\n", 417),
        (HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 501),
        (HEAD + b"Upgrade: h2c\r\n\r\n", 501),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"DESCRIBE / RTSP/1.0\r\n\r\n", 400),
        (b"SOURCE / ICE/1.0\r\n\r\n", 400),
        (b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n", 400),
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(data, status):
    assert refused(data) == status


def test_limits_have_their_own_answers():
    limits = Limits(head_bytes=1000, head_count=5, body_bytes=10)
    assert refused(HEAD + b"X-A: %b\r\n\r\n" % (b"a" * 1000), limits) == 431
    assert refused(HEAD + b"X-A: %b" % (b"a" * 1000), limits) == 431
    assert refused(HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(6)) + b"\r\n", limits) == 431
    assert refused(HEAD + b"Content-Length: 11\r\n\r\n", limits) == 413
    assert refused(HEAD + CHUNKED + b"\r\nb\r\n", limits) == 413
    assert refused(HEAD + CHUNKED + b"\r\n6\r\naaaaaa\r\n5\r\n", limits) == 413
    assert refused(HEAD + CHUNKED + b"\r\n0\r\nA: %b" % (b"a" * 1000), limits) == 431
    [request], _ = read_all([HEAD + b"Content-Length: 10\r\n\r\n" + b"a" * 10], limits)
    assert len(request.body) == 10


def test_a_refusal_comes_after_the_requests_before_it():
    requests, refusal = read_all([HEAD + b"\r\n" + HEAD + L + b"\r\nabc" + b"GET / HTTP/3.0\r\n\r\n"])
    assert [bytes(r.body) for r in requests] == [b"", b"abc"]
    assert refusal is not None
    assert refusal.status == 505


LINES = (b"X-A: 1", b"x-b: 2", b"Connection: close", b"Connection: keep-alive", b"Expect: 100-continue", b"Accept: a")
NUMBERS = (b"Content-Length: %b", b"content-length: %b", b"X-Content-Length: 9\r\nContent-Length: %b")
LENGTHS = (b"0", b"3", b"03", b"12", b"-1", b"1 ", b"", b"3\r\nX-C: 1", b"9" * 30)


@given(
    st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(LENGTHS), st.integers(0, 3)), min_size=2, max_size=8)
)
def test_a_head_that_is_known_means_what_it_means_to_a_stranger(drawn):
    reader = RequestReader(Limits())
    for number, length, lines in drawn:
        extra = b"".join(line + b"\r\n" for line in LINES[:lines])
        told = length.partition(b"\r")[0].strip()
        body = b"abcdefghijkl"[: int(told)] if told.isdigit() and len(told) < 18 else b""
        data = HEAD + b"Via: a\r\n" + number % length + b"\r\n" + extra + b"\r\n" + body
        strange, refusal = read_all([data])
        reader.feed(data)
        if refusal is not None:
            with pytest.raises(RefusalError) as known:
                reader.next_request()
            assert (known.value.status, known.value.code) == (refusal.status, refusal.code)
            return
        request = reader.next_request()
        assert request is not None
        assert facts(request) == facts(strange[0])
        assert (request.path, request.query, request.is_http10) == (strange[0].path, strange[0].query, False)


def test_one_hundred_continue_is_wanted_only_while_the_body_is_missing():
    reader = RequestReader(Limits())
    reader.feed(HEAD + L + b"Expect: 100-continue\r\n\r\n")
    assert reader.next_request() is None
    assert reader.is_continue_wanted
    reader = RequestReader(Limits())
    reader.feed(HEAD + L + b"Expect: 100-continue\r\n\r\na")
    assert reader.next_request() is None
    assert not reader.is_continue_wanted


def test_bytes_dribbling_in_are_not_searched_again_and_again():
    reader = RequestReader(Limits(head_bytes=60_000))
    for byte in HEAD + b"X: " + b"a" * 50_000:
        reader.feed(bytes((byte,)))
        assert reader.next_request() is None
    reader.feed(b"\r\n\r\n")
    assert reader.next_request() is not None


def test_many_small_pipelined_requests_in_one_read():
    one = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    requests, refusal = read_all([one * 5000])
    assert refusal is None
    assert len(requests) == 5000


# ---- laws

TOKEN = st.text("abcXYZ-019_", min_size=1, max_size=8).map(str.encode)
VALUE = st.text('ab ,;=\t\xe9"/:', max_size=12).map(lambda v: v.strip(" \t").encode("latin-1"))
BODY = st.binary(max_size=60)


@st.composite
def messages(draw):
    target = b"/" + draw(st.text("ab/?=%2&", max_size=10)).encode()
    headers = [(b"Host", b"a")] + [
        (b"X-" + n, v) for n, v in draw(st.lists(st.tuples(TOKEN, VALUE), max_size=4, unique_by=lambda p: p[0].lower()))
    ]
    body = draw(BODY)
    if draw(st.booleans()):
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces if p) + b"0\r\n\r\n"
        headers.append((b"Transfer-Encoding", b"chunked"))
    else:
        framed = body
        headers.append((b"Content-Length", b"%d" % len(body)))
    head = b"POST %b HTTP/1.1\r\n" % target + b"".join(b"%b: %b\r\n" % h for h in headers) + b"\r\n"
    return head + framed, target, body


@settings(max_examples=150, deadline=None)
@given(st.lists(messages(), min_size=1, max_size=3), st.data())
def test_any_split_of_the_bytes_gives_the_same_requests(parts, data):
    stream = b"".join(p[0] for p in parts)
    whole, refusal = read_all([stream])
    assert refusal is None
    assert [(r.target, bytes(r.body)) for r in whole] == [(p[1], p[2]) for p in parts]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    split, refusal = read_all([p for p in pieces if p])
    assert refusal is None
    assert [facts(r) for r in split] == [facts(r) for r in whole]


def by_h11(stream):
    """The first request as h11 reads it, or None when it refuses or wants more."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)
    connection.receive_data(stream)
    head, body = None, b""
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return None
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return head.method, head.target, body
    except h11.RemoteProtocolError:
        return None


SPICE = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b"\x00",
        b"0",
        b"1",
        b";",
        b",",
        b"+",
        b"-",
        b"chunked",
        b"HTTP/1.0",
        b"\xff",
        b"\x0b",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 05\r\n",
        b"Host: b\r\n",
        b"X:\r\n",
        b"Upgrade: x\r\n",
    ]
)


@settings(max_examples=500, deadline=None)
@given(messages(), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), SPICE), min_size=1, max_size=3))
def test_what_is_accepted_means_the_same_to_h11(message, edits):
    stream = message[0]
    for where, removed, added in edits:
        at = int(where * len(stream))
        stream = stream[:at] + added + stream[at + removed :]
    requests, _ = read_all([stream])
    if requests:
        first = requests[0]
        other = by_h11(stream)
        assert other is not None, (stream, facts(first))
        assert other == (first.method, first.target, bytes(first.body))
