"""Names, families of addresses, TLS and proxies: how a connection comes about, or why not."""

import asyncio
import socket
import ssl

import pytest
import trustme
from tests.gateway.http.upstreams import OK, Peer, resolve_to, send

from tidegate.gateway.http.client import ConnectError, Origin


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


async def test_the_other_family_is_tried_when_the_first_fails_or_hangs(pool, upstream, monkeypatch):
    from tidegate.gateway.http import dialling

    server = await upstream(OK)
    resolve_to(monkeypatch, pool, ["::1", "::2", "127.0.0.1"])
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


async def test_names_are_resolved_again_after_a_while_and_kept_while_the_resolver_fails(pool, upstream, monkeypatch):
    from tidegate.gateway.http import dialling

    server = await upstream(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    origin = Origin.from_url(f"http://name.example:{server.port}")
    calls = []
    resolve_to(monkeypatch, pool, ["127.0.0.1"], calls)
    for _ in range(3):
        await (await send(pool, origin)).read(10)
    assert calls == ["name.example"]
    monkeypatch.setattr(dialling, "_FRESH_SECONDS", 0.0)
    await (await send(pool, origin)).read(10)
    assert len(calls) == 2
    resolve_to(monkeypatch, pool, OSError("resolver is down"))
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
    resolve_to(monkeypatch, pool, ["127.0.0.1"])
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
