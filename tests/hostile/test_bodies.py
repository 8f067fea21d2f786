"""Clients that send strange or enormous bodies."""

from __future__ import annotations

import statistics
import threading
import time

import msgspec
import pytest
from tests.hostile.rig import KEY, Running, chat_body, post, rest_of

MEGABYTE = 1 << 20

BODIES = {
    "deep arrays": b'{"model":"bot","messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep objects": b'{"model":"bot","messages":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "open brackets": b"[" * 500_000,
    "invalid UTF-8": b'{"model":"bot","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "a surrogate in UTF-8": b'{"model":"bot","messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
    "an overlong character": b'{"model":"bot\xc0\xaf","messages":[]}',
    "UTF-16": '{"model":"bot","messages":[]}'.encode("utf-16"),
    "a key twice": b'{"model":"bot","model":"slow","messages":[]}',
    "a key twice, escaped": b'{"model":"bot","mod\\u0065l":"slow","messages":[]}',
    "not an object": b'["bot"]',
    "not JSON": b"model=bot&messages=hi",
    "half a document": b'{"model":"bot","messages":[{"role":"user"',
    "two documents": b'{"model":"bot","messages":[]}{"model":"slow","messages":[]}',
    "nothing": b"",
    "a number for a model": b'{"model":1e999,"messages":[]}',
    "a huge number": b'{"model":"bot","messages":[],"n":' + b"9" * 5000 + b"}",
    "a null byte": b'{"model":"bot\0","messages":[]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"])
def test_a_strange_body_is_the_callers_mistake_in_the_callers_dialect(gateway: Running, body: bytes, path: str):
    head, _, answer = gateway.say(post(body, "connection: close", path=path)).partition(b"\r\n\r\n")
    assert head[9:12] == b"400", answer
    told = msgspec.json.decode(answer)
    assert told["error"]["message"]
    assert ("type" in told) == (path == "/v1/messages")


def test_a_body_over_the_limit_is_refused_before_it_is_read(gateway: Running):
    answer = gateway.say(post(b"{", length=101 * MEGABYTE))
    assert answer[9:12] == b"413"
    assert b"body_too_large" in answer


def test_a_large_body_leaves_the_others_their_latency(gateway: Running):
    latencies_beside(gateway, 20)


@pytest.mark.slow
def test_bodies_of_a_hundred_megabytes_leave_the_others_their_latency(gateway: Running):
    latencies_beside(gateway, 99)


def latencies_beside(gateway: Running, megabytes: int) -> None:
    """Others are asked while large bodies come in; the slowest of them bounds what the loop was stalled."""
    alone = [_timed(gateway) for _ in range(20)]
    answers: list[bytes] = []
    large = post(chat_body("z" * (megabytes * MEGABYTE)), "connection: close")
    senders = [threading.Thread(target=lambda: answers.append(_sent(gateway, large))) for _ in range(2)]
    for sender in senders:
        sender.start()
    beside = []
    while any(sender.is_alive() for sender in senders):
        beside.append(_timed(gateway))
    assert [answer[9:12] for answer in answers] == [b"200", b"200"]
    assert all(b"z" * 1000 in answer for answer in answers)
    assert len(beside) >= 3, "the bodies took no time at all"
    bound = max(20 * statistics.median(alone), 0.025 * megabytes)
    assert statistics.median(beside) < bound
    assert max(beside) < 4 * bound


def _sent(gateway: Running, data: bytes) -> bytes:
    with gateway.connect() as channel:
        channel.settimeout(60)
        channel.sendall(data)
        return rest_of(channel, 60)


def _timed(gateway: Running) -> float:
    started = time.monotonic()
    answer = gateway.say(
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\nconnection: close\r\n\r\n" % KEY.encode()
    )
    assert answer[9:12] == b"200"
    time.sleep(0.005)
    return time.monotonic() - started - 0.005
