"""Bytes of one connection to whole requests; no I/O and no clock.

llhttp judges the grammar of each head. Framing is our own: a parser sees exactly one head, so nothing
after it can be taken for something else, and pipelined bytes stay unparsed until their turn. What
llhttp lets pass although two readers could understand it differently is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import httptools
import msgspec

from tidegate.gateway.http.chunked import ChunkedBody
from tidegate.gateway.http.habit import Habit
from tidegate.gateway.http.limits import Limits
from tidegate.gateway.http.plain_heads import split_head
from tidegate.gateway.http.refusal import RefusalError, body_too_large, malformed
from tidegate.plain_struct import plainly_set

_HOST = re.compile(rb"[0-9A-Za-z.\-_~:\[\]%!$&'()*+,;=]*")
_OTHER_VERSION = re.compile(rb"[A-Z]{1,32} [^ \r\n]+ HTTP/(?!1\.[01]\r\n)[0-9.]+\r\n")
_SINGLE = frozenset(
    b"host content-length transfer-encoding content-type content-encoding expect authorization "
    b"proxy-authorization x-api-key api-key anthropic-version".split()
)
_FOR_LLHTTP = frozenset((b"transfer-encoding", b"upgrade"))
_UNREPEATED = frozenset((b"connection", b"expect"))
_OWN_PREFIX = b"x-tidegate-"


@plainly_set
class Request(msgspec.Struct, eq=False):
    """One whole request.

    Attributes:
        method: upper-case, as sent.
        target: origin form, as sent; always begins with ``/``.
        path: target before ``?``, ASCII, percent escapes untouched.
        headers: lower-case names; list headers sent several times are joined with ``, ``. A repeated
            credential, ``content-type`` or ``x-tidegate-*`` header never arrives here, it is refused with 400, and
            ``content-length`` is told by the body. Requests with the same head share them: never changed.
        is_keep_alive: whether the connection may serve another request.
        is_http10: an HTTP/1.0 client: no chunked answers.
        is_plain: neither that nor the last of its connection, nor a ``HEAD``: its answer has a body and no more to say.
        body: whole and de-chunked.
        received_at: monotonic seconds, when the last byte of the request had arrived.
    """

    method: bytes
    target: bytes
    path: str
    headers: dict[bytes, bytes]
    is_keep_alive: bool = True
    is_http10: bool = False
    is_plain: bool = False
    body: bytes | bytearray = b""
    received_at: float = 0.0

    @property
    def query(self) -> str:
        """The target after ``?``, or empty."""
        return str(self.target.partition(b"?")[2], "ascii")

    def again(self) -> Callable[[bytes | bytearray], Request]:
        """Makes requests with the same head but for the length of their body."""
        return partial(
            Request,
            self.method,
            self.target,
            self.path,
            self.headers,
            self.is_keep_alive,
            self.is_http10,
            self.is_plain,
        )


class RequestReader:
    """Cuts the bytes of one connection into requests: :meth:`feed` bytes, then ask :meth:`next_request`.

    Attributes:
        path: of the request being read, for the dialect of an error; empty when unknown.
        is_continue_wanted: the client waits for ``100 Continue``; whoever sends it clears the flag.
    """

    __slots__ = (
        "_at",
        "_chunks",
        "_habit",
        "_headers",
        "_held",
        "_known",
        "_known_path",
        "_last_host",
        "_last_line",
        "_limits",
        "_missing",
        "_request",
        "_scanned",
        "_target",
        "is_continue_wanted",
        "path",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: bytes | bytearray = b""
        self._at = 0  # bytes of _held before it are used up
        self._scanned = 0  # no end of head begins before it
        self._request: Request | None = None  # its head is read, its body is not
        self._missing = 0
        self._chunks: ChunkedBody | None = None
        self._headers: dict[bytes, bytes] = {}
        self._target = b""
        self._habit = Habit()
        self._known: Callable[[bytes | bytearray], Request]  # makes one whose head is the habit
        self._known_path = ""
        self._last_host: bytes | None = None
        self._last_line: bytes | None = None  # a request line that llhttp and our rules have accepted
        self.path = ""
        self.is_continue_wanted = False

    @property
    def held(self) -> int:
        """Bytes that wait to be parsed."""
        return len(self._held) - self._at

    @property
    def is_reading_body(self) -> bool:
        """Whether a head was read and its body is incomplete."""
        return self._request is not None

    @property
    def body_bytes(self) -> int:
        """Bytes of the incomplete body that have arrived."""
        if self._chunks is not None:
            return len(self._chunks.body)
        return len(self._request.body) if self._request is not None else 0

    def feed(self, data: bytes) -> None:
        """Take bytes from the network, without looking at them."""
        if self._at == len(self._held):
            self._held = data
            self._at = self._scanned = 0
        elif isinstance(self._held, bytearray) and not self._at:
            self._held += data
        else:
            self._held = bytearray(self._held[self._at :])
            self._held += data
            self._scanned = max(0, self._scanned - self._at)
            self._at = 0

    def whole_request(self, data: bytes) -> Request | None:
        """What :meth:`feed` and :meth:`next_request` would make of ``data``, if it is a whole request like the one before
        it and nothing else; else ``None``, and nothing has happened.
        """
        if self._request is not None or self._at != len(self._held) or len(data) > self._limits.body_bytes:
            return None
        body = self._habit.body_of(data)
        if body is None:
            return None
        self.path = self._known_path
        return self._known(body)

    def next_request(self) -> Request | None:
        """The next whole request, or None until more bytes arrive.

        Raises:
            RefusalError: the bytes are not a request that is served; the reader is of no use any more.
        """
        if self._request is None:
            at = self._at
            if at == len(self._held):
                self._held = b""
                self._at = self._scanned = 0
                return None
            end = self._held.find(b"\r\n\r\n", max(at, self._scanned - 3))
            if end < 0:
                self._check_partial_head()
                return None
            self._at = self._scanned = end + 4
            self._begin(*self._read_head(bytes(self._held[at : end + 4])))
        return self._read_body()

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        name = name.lower()
        headers = self._headers
        if name not in headers:
            headers[name] = value.rstrip()
        elif name in _SINGLE or name.startswith(_OWN_PREFIX):
            raise malformed(f"the header {name.decode('ascii', 'replace')} is repeated")
        else:
            headers[name] = b"%b, %b" % (headers[name], value.rstrip())

    def _check_partial_head(self) -> None:
        """Refuse at once what cannot become a head, instead of waiting for its time-out."""
        held, at = self._held, self._at
        if len(held) - at > self._limits.head_bytes:
            raise self._head_too_large()
        if not 65 <= held[at] <= 90:
            raise malformed("it does not begin with a method")
        start = max(at, self._scanned - 1)
        start += held[start] == 10  # the end of a line that was looked at before
        if held.count(b"\n", start) != held.count(b"\r\n", start):
            raise malformed("a line does not end with CR LF")
        self._scanned = len(held)

    def _head_too_large(self) -> RefusalError:
        limits = self._limits
        return RefusalError(
            431,
            "headers_too_large",
            f"The request's headers exceed the limit of {limits.head_bytes} bytes or {limits.head_count} lines.",
        )

    def _read_head(self, head: bytes) -> tuple[Request, bytes | None]:
        """The request that begins with ``head``, and the length it announces."""
        length = self._habit.length_in(head)
        if length is not None:
            return self._known(b""), length
        limits = self._limits
        if len(head) > limits.head_bytes:
            raise self._head_too_large()
        line, headers = split_head(head) or (b"", {})
        if line == self._last_line and _FOR_LLHTTP.isdisjoint(headers) and len(headers) <= limits.head_count:
            method, target, _ = line.split(b" ")
            is_http10, is_ordinary = False, True
        else:
            if head.count(b"\r\n") > limits.head_count + 2:
                raise self._head_too_large()
            method, target, headers, is_http10 = self._judge_head(head)
            is_ordinary = False
        self._check_host(headers.get(b"host"), is_http10=is_http10)
        is_keep_alive = not is_http10
        if b"connection" in headers:
            options = [option.strip() for option in headers[b"connection"].lower().split(b",")]
            is_keep_alive = b"close" not in options and (b"keep-alive" in options or not is_http10)
        length = headers.pop(b"content-length", None)
        path = str(target.partition(b"?")[0], "ascii")
        is_plain = is_keep_alive and not is_http10 and method != b"HEAD"
        request = Request(method, target, path, headers, is_keep_alive, is_http10, is_plain)
        if is_ordinary and _UNREPEATED.isdisjoint(headers) and self._habit.learn(head):
            self._known, self._known_path = request.again(), path
        return request, length

    def _judge_head(self, head: bytes) -> tuple[bytes, bytes, dict[bytes, bytes], bool]:
        """Method, target, headers and whether it is HTTP/1.0, by llhttp and our rules about request lines."""
        headers: dict[bytes, bytes] = {}
        self._headers = headers
        self._target = b""
        parser = httptools.HttpRequestParser(self)
        self._parse(parser, head)
        method, target = parser.get_method(), self._target
        line = b"%b %b HTTP/1.1\r\n" % (method, target)
        is_http10 = not head.startswith(line)
        if is_http10 and not head.startswith(line[:-3] + b"0\r\n"):
            if _OTHER_VERSION.match(head):
                raise RefusalError(505, "http_version_not_supported", "Only HTTP/1.1 and HTTP/1.0 are served.")
            raise malformed("the request line")
        if target[0] != 47 or b"#" in target:  # "/"
            raise malformed("the target is not an absolute path")
        if b"upgrade" in headers:
            raise RefusalError(501, "upgrade_not_supported", "Protocol upgrades are not supported.")
        if not is_http10:
            self._last_line = line[:-2]
        return method, target, headers, is_http10

    @staticmethod
    def _parse(parser: httptools.HttpRequestParser, head: bytes) -> None:
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            raise RefusalError(501, "upgrade_not_supported", "Tunnels and upgrades are not supported.") from None
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, RefusalError):
                raise error.__context__ from None
            raise
        except httptools.HttpParserInvalidMethodError:
            raise RefusalError(501, "method_not_supported", "The request's method is unknown.") from None
        except httptools.HttpParserError as error:
            if _OTHER_VERSION.match(head):
                raise RefusalError(
                    505, "http_version_not_supported", "Only HTTP/1.1 and HTTP/1.0 are served."
                ) from None
            raise malformed(str(error).rstrip(".")) from None

    def _check_host(self, host: bytes | None, *, is_http10: bool) -> None:
        if host is None:
            if not is_http10:
                raise malformed("the header host is missing")
        elif host != self._last_host:
            if _HOST.fullmatch(host) is None:
                raise malformed("the header host")
            self._last_host = host

    def _begin(self, request: Request, length: bytes | None) -> None:
        """Decide how the body of ``request`` is delimited."""
        self._request = request
        self.path = request.path
        headers = request.headers
        coding = headers.get(b"transfer-encoding")
        self._missing = 0
        if coding is not None:
            if request.is_http10 or length is not None:
                raise malformed("transfer-encoding with content-length or HTTP/1.0")
            if coding.lower() != b"chunked":
                raise RefusalError(
                    501, "transfer_encoding_not_supported", "Only the transfer coding chunked is supported."
                )
            self._chunks = ChunkedBody(self._limits.body_bytes, self._limits.head_bytes)
        elif length is not None:
            if not length.isdigit() or len(length) > 18:
                raise malformed("the header content-length")
            self._missing = int(length)
            if self._missing > self._limits.body_bytes:
                raise body_too_large(self._limits.body_bytes)
        expectation = headers.get(b"expect")
        if expectation is not None and not request.is_http10:
            if expectation.lower() != b"100-continue":
                raise RefusalError(417, "expectation_failed", "Only the expectation 100-continue is supported.")
            self.is_continue_wanted = (coding is not None or self._missing > 0) and not self.held

    def _read_body(self) -> Request | None:
        request = self._request
        assert request is not None
        if self._chunks is not None:
            self._at = self._chunks.feed(self._held, self._at)
            if not self._chunks.is_complete:
                return None
            request.body = self._chunks.body
            self._chunks = None
        elif self._missing:
            end = self._at + self._missing
            if not request.body and end <= len(self._held):  # it came with its head
                request.body = self._held[self._at : end]
                self._at = end
            elif not self._fill(request):
                return None
        self._request = None
        self.is_continue_wanted = False
        if self._at == len(self._held):
            self._held = b""  # a long answer does not hold to its end what was read
            self._at = self._scanned = 0
        return request

    def _fill(self, request: Request) -> bool:
        """Move body bytes from what is held into ``request``; whether it is complete."""
        held, at, missing = self._held, self._at, self._missing
        piece = held[at : at + missing]
        if piece:
            # Not preallocated: a length is only a promise, memory is committed for what arrived.
            if not request.body:
                request.body = bytearray()
            request.body += piece
        self._at = at + len(piece)
        self._missing = missing - len(piece)
        return not self._missing
