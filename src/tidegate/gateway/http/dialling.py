"""Makes connections: names are resolved and refreshed, address families raced, proxies tunnelled.

The race follows RFC 8305 in the small: addresses alternate between families, each attempt gets a head
start of 250 ms before the next one begins, the first that connects wins.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from itertools import chain, zip_longest
from typing import TypeVar

from tidegate.gateway.http.faults import ConnectError
from tidegate.gateway.http.origin import Origin, Proxy
from tidegate.gateway.http.timers import Wheel

_HEAD_START_SECONDS = 0.25
_FRESH_SECONDS = 30.0
_PROXY_HEAD_LIMIT = 16_384

Address = tuple[int, tuple[str, int]]
"""Address family, and host with port."""

P = TypeVar("P", bound=asyncio.Protocol)


class Dialler:
    """Dials origins; remembers resolved names for 30 s, and longer while the resolver fails."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._resolved: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._lookup = asyncio.get_running_loop().getaddrinfo

    async def dial(self, origin: Origin, protocol: P, connect_timeout: float) -> P:
        """Connect ``protocol`` to ``origin``, through its proxy and TLS.

        Raises:
            ConnectError: name, dial, proxy or TLS failed, or took longer than ``connect_timeout`` seconds.
        """
        where = f"{origin.host}:{origin.port}"
        try:
            async with self._wheel.timeout(connect_timeout):
                await self._dial(origin, protocol)
        except TimeoutError:
            raise ConnectError(
                f"connecting to {where} took longer than {connect_timeout:g} s", is_timeout=True
            ) from None
        except ssl.CertificateError as error:
            raise ConnectError(f"the certificate of {where} is not trusted: {error.verify_message}") from error
        except (OSError, EOFError) as error:
            raise ConnectError(f"connecting to {where} failed: {error}") from error
        return protocol

    async def _dial(self, origin: Origin, protocol: asyncio.Protocol) -> None:
        near: Origin | Proxy = origin.proxy or origin
        channel = await self._connect(await self._resolve(near.host, near.port))
        try:
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.proxy is not None:
                await _tunnel(channel, origin, origin.proxy)
            name = origin.host if origin.tls is not None else None
            await asyncio.get_running_loop().create_connection(
                lambda: protocol, sock=channel, ssl=origin.tls, server_hostname=name
            )
        except BaseException:
            channel.close()
            raise

    async def _resolve(self, host: str, port: int) -> list[Address]:
        known = self._resolved.get((host, port))
        now = time.monotonic()
        if known is not None and now - known[0] < _FRESH_SECONDS:
            return known[1]
        try:
            found = await self._lookup(host, port, type=socket.SOCK_STREAM)
        except OSError:
            if known is None:
                raise
            return known[1]
        addresses = _alternate([(family, (str(address[0]), port)) for family, _, _, _, address in found])
        self._resolved[host, port] = (now, addresses)
        return addresses

    async def _connect(self, addresses: list[Address]) -> socket.socket:
        if len(addresses) == 1:
            return await _connect_to(addresses[0])
        return await _race(addresses)


def _alternate(addresses: list[Address]) -> list[Address]:
    """Begin with the resolver's favourite and alternate between the families; without duplicates."""
    unique = list(dict.fromkeys(addresses))
    first = [a for a in unique if a[0] == unique[0][0]]
    second = [a for a in unique if a[0] != unique[0][0]]
    return [a for a in chain.from_iterable(zip_longest(first, second)) if a is not None]


async def _connect_to(address: Address) -> socket.socket:
    family, where = address
    channel = socket.socket(family, socket.SOCK_STREAM)
    channel.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(channel, where)
    except BaseException:
        channel.close()
        raise
    return channel


async def _race(addresses: list[Address]) -> socket.socket:
    """The first connection that stands; the others are cancelled and closed."""
    waiting = list(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    failure: OSError = OSError("no address")
    winner: socket.socket | None = None
    try:
        while winner is None and (waiting or running):
            if waiting:
                running.add(asyncio.ensure_future(_connect_to(waiting.pop(0))))
            head_start = _HEAD_START_SECONDS if waiting else None
            done, running = await asyncio.wait(running, timeout=head_start, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is None and winner is None:
                    winner = task.result()
                elif error is None:
                    task.result().close()
                elif isinstance(error, OSError):
                    failure = error
                else:
                    raise error
    finally:
        await _abandon(running)
    if winner is None:
        raise failure
    return winner


async def _abandon(tasks: set[asyncio.Task[socket.socket]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()


async def _tunnel(channel: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask ``proxy`` for a tunnel to ``origin``; the peer speaks only after us, so reading cannot go too far."""
    loop = asyncio.get_running_loop()
    name = f"[{origin.host}]" if ":" in origin.host else origin.host
    where = f"{name}:{origin.port}".encode("idna" if not name.isascii() else "ascii")
    login = b"proxy-authorization: %b\r\n" % proxy.authorization if proxy.authorization else b""
    await loop.sock_sendall(channel, b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (where, where, login))
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = await loop.sock_recv(channel, 4096)
        if not data or len(answer) > _PROXY_HEAD_LIMIT:
            raise ConnectError(f"the proxy {proxy.host}:{proxy.port} did not answer in HTTP")
        answer += data
    line = answer.partition(b"\r\n")[0]
    if not (line.startswith(b"HTTP/1.") and line[9:10] == b"2"):
        shown = line[:80].decode("ascii", "replace")
        raise ConnectError(f"the proxy {proxy.host}:{proxy.port} refused the tunnel: {shown}")
