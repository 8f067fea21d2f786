"""Clients that play with HTTP's framing: nothing ambiguous is served, nothing is smuggled."""

from __future__ import annotations

import re

import pytest
from tests.hostile.rig import KEY, Running, chat_body, post, rest_of, wait_for

SMUGGLED = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + KEY.encode() + b"\r\n"

ATTACKS = {
    "length and chunks": HEAD + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": HEAD + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"content-length: 0\r\ncontent-length: 5\r\n\r\n",
    "the same length twice": HEAD + b"content-length: 0\r\ncontent-length: 0\r\n\r\n",
    "a list of lengths": HEAD + b"content-length: 0, 0\r\n\r\n",
    "a signed length": HEAD + b"content-length: +0\r\n\r\n",
    "a negative length": HEAD + b"content-length: -1\r\n\r\n",
    "a hexadecimal length": HEAD + b"content-length: 0x0\r\n\r\n",
    "a length beyond 64 bits": HEAD + b"content-length: 18446744073709551616\r\n\r\n",
    "a length with a space inside": HEAD + b"content-length: 1 0\r\n\r\n",
    "an empty length": HEAD + b"content-length:\r\n\r\n",
    "a space before the colon": HEAD + b"content-length : 0\r\n\r\n",
    "a tab before the colon": HEAD + b"transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "gzip and chunked": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "almost chunked": HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked in quotes": HEAD + b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked behind a vertical tab": HEAD + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "identity": HEAD + b"transfer-encoding: identity\r\n\r\n",
    "chunks in HTTP/1.0": HEAD.replace(b"1.1", b"1.0") + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded line": HEAD + b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    "a bare line feed": HEAD + b"x: a\ncontent-length: 0\r\n\r\n",
    "a bare carriage return": HEAD + b"x: a\rcontent-length: 0\r\n\r\n",
    "a null": HEAD + b"x: a\0b\r\ncontent-length: 0\r\n\r\n",
    "two hosts": HEAD + b"host: y\r\ncontent-length: 0\r\n\r\n",
    "no host": HEAD.replace(b"host: x\r\n", b"") + b"content-length: 0\r\n\r\n",
    "two keys": HEAD + b"authorization: Bearer other\r\ncontent-length: 0\r\n\r\n",
    "a bad chunk size": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a signed chunk size": HEAD + b"transfer-encoding: chunked\r\n\r\n+0\r\n\r\n",
    "a chunk size beyond 64 bits": HEAD + b"transfer-encoding: chunked\r\n\r\n10000000000000000\r\n\r\n",
    "a chunk longer than its size": HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "a chunk ended by a line feed": HEAD + b"transfer-encoding: chunked\r\n\r\n0\n\n",
    "an upgrade": HEAD + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another version": HEAD.replace(b"1.1", b"1.2") + b"content-length: 0\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n",
    "an absolute target": b"GET http://elsewhere/healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    "a space in the target": b"GET /healthz /x HTTP/1.1\r\nhost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_what_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_served(gateway: Running, attack: bytes):
    answer = gateway.say(attack + SMUGGLED)
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) == 1
    assert answer[9:10] in {b"4", b"5"}
    assert answer[9:12] != b"500"
    assert b"connection: close" in answer


def test_a_pipeline_is_answered_in_order(gateway: Running):
    texts = [f"number {number}" for number in range(50)]
    wanted = b"".join(post(chat_body(text)) for text in texts[:-1])
    answer = gateway.say(wanted + post(chat_body(texts[-1]), "connection: close"))
    places = [answer.index(f'"{text}"'.encode()) for text in texts]
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 200 OK") == 50


def test_a_pipeline_ends_at_its_first_malformed_request(gateway: Running):
    good = post(chat_body("good"))
    answer = gateway.say(good + ATTACKS["two lengths"] + good)
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert answer.count(b"HTTP/1.1 400 Bad Request") == 1
    assert answer.count(b'"good"') == 1


def test_headers_have_bounds(gateway: Running):
    large = gateway.say(HEAD + b"x: " + b"a" * 70_000 + b"\r\n\r\n")
    many = gateway.say(HEAD + b"".join(b"x%d: y\r\n" % number for number in range(200)) + b"\r\n")
    endless = gateway.say(b"GET /" + b"a" * 200_000)
    assert [answer[9:12] for answer in (large, many, endless)] == [b"431"] * 3


def test_bytes_one_by_one_are_a_request_like_any_other(gateway: Running):
    with gateway.connect() as channel:
        for byte in post(chat_body("piecemeal"), "connection: close"):
            channel.send(bytes((byte,)))
        assert b'"piecemeal"' in rest_of(channel)


def test_a_client_that_closed_its_half_gets_what_is_ready_at_once(gateway: Running):
    with gateway.connect() as channel:
        channel.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        channel.shutdown(1)
        assert rest_of(channel).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_closed_its_half_has_left_a_request_that_waits_for_an_upstream(gateway: Running):
    """A FIN is all that a client that leaves sends; a model's time is too dear to wait whether it comes back."""
    with gateway.connect() as channel:
        channel.sendall(post(chat_body(service="slow")))
        channel.shutdown(1)
        assert rest_of(channel) == b""
    labels = rb'\{service="slow",version="slow/v1.0.0-aaaaaaaa",variant="stable"[^}]*'
    idle = re.compile(b"tidegate_in_flight" + labels + rb"\} 0\n")
    cancelled = re.compile(b"tidegate_requests_total" + labels + rb'outcome="cancelled"\} [1-9]')
    wait_for(lambda: all(pattern.search(page(gateway)) for pattern in (idle, cancelled)))


def page(gateway: Running) -> bytes:
    return gateway.say(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
