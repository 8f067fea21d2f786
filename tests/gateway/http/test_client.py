import asyncio
import socket
import ssl

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.errors import OperatorError
from tidegate.gateway.http.client import (
    BodyTooLargeError,
    ConnectError,
    ConnectionLostError,
    Origin,
    Pool,
    ProtocolError,
    TruncatedBodyError,
    UpstreamConnection,
    request_head,
)

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Peer:
    """A raw server that leaves nothing behind."""

    async def open(self, serve, **options):
        self._serving = set()
        self._writers = []

        async def run(reader, writer):
            task = asyncio.current_task()
            self._serving.add(task)
            self._writers.append(writer)
            try:
                await serve(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()
                self._serving.discard(task)

        self._server = await asyncio.start_server(run, "127.0.0.1", 0, **options)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.wait_for(asyncio.gather(*self._serving, return_exceptions=True), 120)
        await asyncio.sleep(0.01)


class Upstream(Peer):
    """A server that answers what the test says, and keeps what it was sent."""

    def __init__(self):
        self.seen = []
        self.accepted = 0
        self.ended = 0

    async def start(self, answer, **options):
        self._answer = answer
        await self.open(self._serve, **options)
        self.origin = Origin.from_url(f"http://127.0.0.1:{self.port}")
        return self

    async def _serve(self, reader, writer):
        self.accepted += 1
        number = self.accepted
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                self.seen.append((number, head, await reader.readexactly(length)))
                await self._answer(number, reader, writer)
        finally:
            self.ended += 1


@pytest.fixture
async def pool(wheel):
    pool = Pool(wheel)
    yield pool
    pool.close()
    await asyncio.sleep(0.01)


@pytest.fixture
async def upstream():
    started = []

    async def start(answer, **options):
        if isinstance(answer, bytes):
            data = answer

            async def answer(number, reader, writer):
                writer.write(data)

        started.append(await Upstream().start(answer, **options))
        return started[-1]

    yield start
    for one in started:
        await one.stop()


async def send(pool, origin, body=b"", **options):
    head = request_head(b"POST", b"/v1/x", origin, ((b"x-a", b"b"),), len(body))
    return await pool.request(origin, head, (body,), **options)


async def gather(response):
    pieces = []
    await response.stream_to(pieces.append)
    return b"".join(pieces)


async def test_a_request_and_its_answer(pool, upstream):
    server = await upstream(OK.replace(b"\r\n\r\n", b"\r\nX-A: 1\r\nx-a: 2 \r\n\r\n"))
    response = await send(pool, server.origin, b"abc")
    assert response.status == 200
    assert response.headers == {b"content-length": b"2", b"x-a": b"1, 2"}
    assert await response.read(10) == b"ok"
    [(_, head, body)] = server.seen
    assert head == b"POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-a: b\r\ncontent-length: 3\r\n\r\n" % server.port
    assert body == b"abc"


async def test_a_connection_is_reused_and_the_last_used_first(pool, upstream):
    server = await upstream(OK)
    for _ in range(3):
        assert await (await send(pool, server.origin)).read(10) == b"ok"
    assert server.accepted == 1
    first, second = await asyncio.gather(send(pool, server.origin), send(pool, server.origin))
    assert first.is_reused != second.is_reused
    await first.read(10)
    await second.read(10)
    assert pool.idle == 2
    for _ in range(3):
        await (await send(pool, server.origin)).read(10)
    assert len({number for number, _, _ in server.seen[-3:]}) == 1


async def test_a_stream_arrives_as_it_is_sent_and_the_connection_is_pooled(pool, upstream):
    go = asyncio.Event()

    async def answer(number, reader, writer):
        writer.write(CHUNKED + b"3;ext=1\r\nabc\r\n2\r\nde\r\n")
        await go.wait()
        writer.write(b"1\r\nf\r\n0\r\n\r\n")

    server = await upstream(answer)
    response = await send(pool, server.origin)
    pieces = []
    task = asyncio.create_task(response.stream_to(pieces.append))
    await asyncio.sleep(0.05)
    assert pieces == [b"abcde"]  # two chunks of one read are one call
    go.set()
    await task
    assert b"".join(pieces) == b"abcdef"
    assert response.is_complete
    assert pool.idle == 1


async def test_a_trailer_of_an_answer_is_no_header_and_its_connection_is_not_used_again(pool, upstream):
    trailers = b"X-Trailer: 1\r\nContent-Type: text/html\r\n\r\n"
    server = await upstream(CHUNKED + b"3\r\nabc\r\n0\r\n" + trailers)
    for _ in range(2):
        response = await send(pool, server.origin)
        assert await response.read(10) == b"abc"
        assert response.headers.keys() == {b"transfer-encoding"}
    assert server.accepted == 2


@pytest.mark.parametrize(
    "data",
    [
        OK + b"x",
        OK + OK,
        OK + b"\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\n\r\n\r\n",
        OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_with_bytes_after_the_answer_is_never_pooled(pool, upstream, data):
    server = await upstream(data)
    for n in range(1, 3):
        assert await (await send(pool, server.origin)).read(10) == b"ok"
        assert pool.idle == 0
        assert server.accepted == n


async def test_unsolicited_bytes_while_idle_poison_the_connection(pool, upstream, until):
    async def answer(number, reader, writer):
        writer.write(OK)
        await asyncio.sleep(0.02)
        writer.write(OK.replace(b"ok", b"no"))

    server = await upstream(answer)
    assert await (await send(pool, server.origin)).read(10) == b"ok"
    await until(lambda: server.ended == 1)
    assert await (await send(pool, server.origin)).read(10) == b"ok"
    assert server.accepted == 2


async def test_an_answer_delimited_by_close_is_read_and_not_pooled(pool, upstream):
    async def answer(number, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await asyncio.sleep(0.02)
        writer.write(b"def")
        writer.close()

    server = await upstream(answer)
    response = await send(pool, server.origin)
    assert not response.is_delimited
    assert await gather(response) == b"abcdef"
    assert pool.idle == 0


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
        CHUNKED + b"9\r\nabc",
        CHUNKED + b"3\r\nabc\r\n",
        CHUNKED + b"3\r\nabc\r\n0\r\n",
        CHUNKED + b"3\r\nab",
        CHUNKED,
    ],
)
async def test_a_truncated_body_raises(pool, upstream, data):
    async def answer(number, reader, writer):
        writer.write(data)
        await asyncio.sleep(0.01)
        writer.close()

    server = await upstream(answer)
    for consume in (gather, lambda response: response.read(100)):
        response = await send(pool, server.origin)
        with pytest.raises(TruncatedBodyError):
            await consume(response)
        assert not response.is_complete
    response = await send(pool, server.origin)
    await asyncio.sleep(0.05)  # it breaks before anybody reads
    with pytest.raises(TruncatedBodyError):
        await response.read(100)
    assert pool.idle == 0


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + OK,
        b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: %b\r\n\r\n" % (b"a" * 200_000),
        b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
        b"hello\r\n",
        b"\r\n" + OK,
        b"\n" + OK,
    ],
)
async def test_an_ambiguous_or_malformed_answer_is_refused(pool, upstream, data):
    server = await upstream(data)
    with pytest.raises(ProtocolError):
        await send(pool, server.origin)
    assert pool.idle == 0


async def test_a_broken_chunk_inside_the_body_is_a_protocol_error(pool, upstream):
    server = await upstream(CHUNKED + b"3\r\nabc\r\nzz\r\n")
    response = await send(pool, server.origin)
    with pytest.raises(ProtocolError):
        await gather(response)


async def test_interim_answers_are_skipped(pool, upstream):
    server = await upstream(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK)
    response = await send(pool, server.origin)
    assert response.headers == {b"content-length": b"2"}
    assert await response.read(10) == b"ok"
    assert pool.idle == 1


async def test_204_has_no_body_and_its_connection_lives(pool, upstream):
    server = await upstream(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert await (await send(pool, server.origin)).read(10) == b""
    assert pool.idle == 1


async def test_a_reused_connection_that_dies_silently_is_replaced_once(pool, upstream):
    async def answer(number, reader, writer):
        if number == 1 and len(server.seen) > 1:
            writer.close()  # the second request on the first connection
            return
        writer.write(OK)

    server = await upstream(answer)
    for n in range(2):
        response = await send(pool, server.origin, b"body %d" % n)
        assert await response.read(10) == b"ok"
    assert [(n, body) for n, _, body in server.seen] == [(1, b"body 0"), (1, b"body 1"), (2, b"body 1")]
    assert not response.is_reused


async def test_a_fresh_connection_that_dies_is_not_tried_again(pool, upstream):
    async def answer(number, reader, writer):
        writer.close()

    server = await upstream(answer)
    with pytest.raises(ConnectionLostError) as caught:
        await send(pool, server.origin)
    assert not caught.value.is_reused
    assert not caught.value.has_bytes
    assert server.accepted == 1


async def test_a_reused_connection_that_dies_after_a_byte_is_not_tried_again(pool, upstream):
    async def answer(number, reader, writer):
        if len(server.seen) > 1:
            writer.write(b"HTTP/1.1 2")
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.close()
            return
        writer.write(OK)

    server = await upstream(answer)
    await (await send(pool, server.origin)).read(10)
    with pytest.raises(ConnectionLostError) as caught:
        await send(pool, server.origin)
    assert caught.value.is_reused
    assert caught.value.has_bytes


async def test_cancelling_closes_the_connection_upstream(pool, upstream, until):
    async def never(number, reader, writer):
        await asyncio.sleep(0)

    server = await upstream(never)
    task = asyncio.create_task(send(pool, server.origin))
    await until(lambda: len(server.seen) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: server.ended == 1)


async def test_cancelling_or_closing_mid_stream_closes_the_connection_upstream(pool, upstream, until):
    server = await upstream(CHUNKED + b"1\r\na\r\n")
    response = await send(pool, server.origin)
    task = asyncio.create_task(gather(response))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: server.ended == 1)
    response = await send(pool, server.origin)
    response.close()
    await until(lambda: server.ended == 2)
    assert pool.idle == 0


async def test_a_failing_consumer_closes_the_connection_and_gets_its_error(pool, upstream, until):
    async def answer(number, reader, writer):
        writer.write(CHUNKED)
        await asyncio.sleep(0.02)
        writer.write(b"1\r\na\r\n")

    server = await upstream(answer)
    with pytest.raises(ZeroDivisionError):
        await (await send(pool, server.origin)).stream_to(lambda data: 1 / 0)
    await until(lambda: server.ended == 1)


async def test_read_is_bounded_by_its_limit(pool, upstream):
    server = await upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n" + b"x" * 11)
    with pytest.raises(BodyTooLargeError):
        await (await send(pool, server.origin)).read(10)
    assert len(await (await send(pool, server.origin)).read(11)) == 11

    async def answer(number, reader, writer):
        writer.write(CHUNKED + b"6\r\naaaaaa\r\n")
        await asyncio.sleep(0.01)
        writer.write(b"6\r\naaaaaa\r\n")

    server = await upstream(answer)
    with pytest.raises(BodyTooLargeError):
        await (await send(pool, server.origin)).read(10)


async def test_pausing_makes_the_upstream_wait_and_bounds_memory(pool, upstream):
    sent = 0

    async def answer(number, reader, writer):
        nonlocal sent
        writer.write(CHUNKED)
        for _ in range(400):
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536
        writer.write(b"0\r\n\r\n")

    server = await upstream(answer)
    response = await send(pool, server.origin)
    await asyncio.sleep(0.1)  # nobody reads: only the read-ahead is taken
    assert response._held_bytes < 1_000_000
    before = sent
    assert before < 400 * 65536
    size = 0

    def take(data):
        nonlocal size
        size += len(data)
        response.pause()
        asyncio.get_running_loop().call_soon(response.resume)

    await response.stream_to(take)
    assert size == 400 * 65536
    assert pool.idle == 1


async def test_a_large_body_is_sent_in_slices_while_the_upstream_is_slow(pool, upstream):
    async def answer(number, reader, writer):
        writer.write(OK)

    server = await upstream(answer, limit=1000)
    parts = (b"a" * 3_000_000, memoryview(b"bc" * 2_000_000)[1:], b"", b"d")
    length = sum(map(len, parts))
    head = request_head(b"POST", b"/", server.origin, (), length)
    response = await pool.request(server.origin, head, parts)
    assert await response.read(10) == b"ok"
    assert server.seen[0][2] == b"".join(parts)
    assert pool.idle == 1


async def test_an_upstream_that_refuses_before_reading_the_body_is_heard(pool, wheel):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()

    server = await Peer().open(refuse, limit=1000)
    origin = Origin.from_url(f"http://127.0.0.1:{server.port}")
    response = await send(pool, origin, b"x" * 30_000_000)
    assert response.status == 413
    assert await response.read(10) == b"no"
    assert pool.idle == 0
    await server.stop()


async def test_idle_connections_are_closed_after_their_time(wheel, upstream, until):
    pool = Pool(wheel, idle_seconds=0.05)
    server = await upstream(OK)
    await (await send(pool, server.origin)).read(10)
    assert pool.idle == 1
    await until(lambda: pool.idle == 0 and server.ended == 1)


async def test_an_aged_connection_is_not_used_again_and_idle_ones_are_bounded(wheel, upstream):
    pool = Pool(wheel, age_seconds=-1.0)
    server = await upstream(OK)
    for _ in range(2):
        await (await send(pool, server.origin)).read(10)
    assert server.accepted == 2
    pool.close()
    pool = Pool(wheel, max_idle=1)
    answers = await asyncio.gather(*(send(pool, server.origin) for _ in range(3)))
    for answer in answers:
        await answer.read(10)
    assert pool.idle == 1
    pool.close()


async def test_a_closed_pool_keeps_nothing(wheel, upstream):
    pool = Pool(wheel)
    server = await upstream(OK)
    response = await send(pool, server.origin)
    pool.close()
    await response.read(10)
    response = await send(pool, server.origin)
    await response.read(10)
    assert pool.idle == 0


# ---- connecting


async def test_a_refused_connection_is_a_connect_error(pool):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        origin = Origin.from_url(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConnectError, match=r"127\.0\.0\.1") as caught:
            await send(pool, origin)
    assert not caught.value.is_timeout


async def test_an_unanswered_dial_times_out(pool, monkeypatch):
    async def never(*args, **options):
        await asyncio.sleep(60)

    monkeypatch.setattr("tidegate.gateway.http.dialling._connect_to", never)
    with pytest.raises(ConnectError) as caught:
        await send(pool, Origin.from_url("http://127.0.0.1:1"), connect_timeout=0.05)
    assert caught.value.is_timeout


async def test_an_unknown_name_is_a_connect_error(pool):
    with pytest.raises(ConnectError):
        await send(pool, Origin.from_url("http://no-such-host.invalid"), connect_timeout=5)


def loop_resolver(monkeypatch, pool, addresses, calls=None):
    async def resolve(host, port, **options):
        if calls is not None:
            calls.append(host)
        if isinstance(addresses, Exception):
            raise addresses
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, port)) for a in addresses]

    monkeypatch.setattr(pool._dialler, "_lookup", resolve)


async def test_the_other_family_is_tried_when_the_first_fails_or_hangs(pool, upstream, monkeypatch):
    from tidegate.gateway.http import dialling

    server = await upstream(OK)
    loop_resolver(monkeypatch, pool, ["::1", "::2", "127.0.0.1"])
    origin = Origin.from_url(f"http://two.example:{server.port}")
    assert await (await send(pool, origin)).read(10) == b"ok"  # nobody listens on ::1
    original = dialling._connect_to

    async def hang_on_ipv6(address):
        if address[0] == socket.AF_INET6:
            await asyncio.sleep(60)
        return await original(address)

    monkeypatch.setattr(dialling, "_connect_to", hang_on_ipv6)
    monkeypatch.setattr(dialling, "_HEAD_START_SECONDS", 0.02)
    fresh = Origin.from_url(f"http://two.example:{server.port}")
    assert await (await send(pool, fresh)).read(10) == b"ok"
    loop_resolver(monkeypatch, pool, ["::1", "127.0.0.2"])


async def test_names_are_resolved_again_after_a_while_and_kept_while_the_resolver_fails(pool, upstream, monkeypatch):
    from tidegate.gateway.http import dialling

    server = await upstream(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    origin = Origin.from_url(f"http://name.example:{server.port}")
    calls = []
    loop_resolver(monkeypatch, pool, ["127.0.0.1"], calls)
    for _ in range(3):
        await (await send(pool, origin)).read(10)
    assert calls == ["name.example"]
    monkeypatch.setattr(dialling, "_FRESH_SECONDS", 0.0)
    await (await send(pool, origin)).read(10)
    assert len(calls) == 2
    loop_resolver(monkeypatch, pool, OSError("resolver is down"))
    assert await (await send(pool, origin)).read(10) == b"ok"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "good.example").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return str(path), context


async def test_tls_with_the_right_authority_and_name(pool, upstream, authority):
    ca_file, context = authority
    chosen = []

    async def answer(number, reader, writer):
        chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.write(OK)

    server = await upstream(answer, ssl=context)
    origin = Origin.from_url(f"https://127.0.0.1:{server.port}", ca_file=ca_file)
    for _ in range(2):
        assert await (await send(pool, origin, b"x" * 300_000)).read(10) == b"ok"
    assert server.accepted == 1
    assert chosen == ["http/1.1", "http/1.1"]


async def test_tls_with_an_unknown_authority_or_a_wrong_name_is_refused(
    pool, upstream, authority, tmp_path, monkeypatch
):
    ca_file, context = authority
    server = await upstream(OK, ssl=context)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    loop_resolver(monkeypatch, pool, ["127.0.0.1"])
    for origin in (
        Origin.from_url(f"https://127.0.0.1:{server.port}", ca_file=str(other)),
        Origin.from_url(f"https://127.0.0.1:{server.port}"),
        Origin.from_url(f"https://bad.example:{server.port}", ca_file=ca_file),
    ):
        with pytest.raises(ConnectError, match="not trusted"):
            await send(pool, origin)
    assert server.seen == []


async def test_https_through_a_connect_proxy(pool, upstream, authority, monkeypatch):
    ca_file, context = authority
    server = await upstream(OK, ssl=context)
    heads = []

    async def proxy(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        if b"good.example" not in head:
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pump(source, sink):
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)

    listener = await Peer().open(proxy)
    proxy_url = f"http://user:p%40ss@127.0.0.1:{listener.port}"
    origin = Origin.from_url("https://good.example:8443", ca_file=ca_file, proxy_url=proxy_url)
    assert await (await send(pool, origin)).read(10) == b"ok"
    assert heads[0] == (
        b"CONNECT good.example:8443 HTTP/1.1\r\nhost: good.example:8443\r\nproxy-authorization: Basic dXNlcjpwQHNz\r\n\r\n"
    )
    assert b"host: good.example:8443\r\n" in server.seen[0][1]
    assert b"proxy-authorization" not in server.seen[0][1]
    with pytest.raises(ConnectError, match=r"refused the tunnel: HTTP/1\.1 403"):
        await send(pool, Origin.from_url("https://bad.example", ca_file=ca_file, proxy_url=proxy_url))
    pool.close()
    await listener.stop()


# ---- heads and addresses


@pytest.mark.parametrize("target", [b"", b"x", b"/a b", b"/a\r\nx: y", b"/\xc3\xa9", b"/\0"])
def test_a_target_cannot_inject_a_line(target):
    with pytest.raises(ValueError, match="target"):
        request_head(b"POST", target, Origin.from_url("http://a"), (), 0)


def test_a_head_carries_our_framing_and_host_only():
    origin = Origin.from_url("https://[::1]:8443/v1")
    headers = ((b"host", b"evil"), (b"content-length", b"9"), (b"transfer-encoding", b"chunked"), (b"a", b"b"))
    assert request_head(b"POST", b"/x", origin, headers, 2) == (
        b"POST /x HTTP/1.1\r\nhost: [::1]:8443\r\na: b\r\ncontent-length: 2\r\n\r\n"
    )
    assert request_head(b"GET", b"/", Origin.from_url("http://a"), (), 0) == b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        request_head(b"GET", b"/", origin, ((b"a", b"b\r\nc: d"),), 0)


@pytest.mark.parametrize(
    "url", ["", "a", "ftp://a", "http://", "http://a:99999", "http://user:secret@a", "https://u@a"]
)
def test_an_unusable_address_is_the_operators_error_and_shows_no_password(url):
    with pytest.raises(OperatorError) as caught:
        Origin.from_url(url)
    assert "secret" not in str(caught.value)


def test_a_missing_ca_file_is_the_operators_error():
    with pytest.raises(OperatorError, match="CA file"):
        Origin.from_url("https://a", ca_file="/nowhere/ca.pem")


def test_tls_always_verifies():
    tls = Origin.from_url("https://a").tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname


# ---- laws


class Wire(asyncio.Transport):
    def write(self, data): ...
    def set_write_buffer_limits(self, high=None, low=None): ...
    def pause_reading(self): ...
    def resume_reading(self): ...
    def abort(self): ...


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20), max_size=6), st.booleans(), st.data())
def test_any_split_of_an_answer_gives_the_same_body(pieces, is_chunked, data):
    body = b"".join(pieces)
    if is_chunked:
        stream = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
    else:
        stream = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))

    async def run():
        kept = []
        connection = UpstreamConnection(kept.append, Origin.from_url("http://a"))
        connection.connection_made(Wire())
        exchange = asyncio.ensure_future(connection.exchange(b"head", ()))
        await asyncio.sleep(0)
        for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            if a != b:
                connection.data_received(stream[a:b])
        response = await exchange
        assert await response.read(1000) == body
        assert kept == [connection]

    asyncio.run(run())
