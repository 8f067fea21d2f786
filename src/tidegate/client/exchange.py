"""From a call to an HTTP request, and from its answer to a value or an error: no I/O, for both transports."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, TypeVar, cast
from urllib.parse import urlencode, urlsplit

import msgspec

from tidegate.client.call import Call, Stream
from tidegate.client.pushing import MissingArtifactsError
from tidegate.errors import (
    CallerError,
    ConflictError,
    ForbiddenError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    OperatorError,
    PreconditionError,
    TidegateError,
    UnauthenticatedError,
    UpstreamError,
)

T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:7401"
API = "/api/v1"
ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_PASSING = frozenset({429, 502, 503, 504})
_BY_STATUS: dict[int, type[TidegateError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: PreconditionError,
    422: InvalidInputError,
}


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request; ``content`` is made anew for each try by :meth:`Server.prepare`."""

    method: str
    url: str
    headers: Mapping[str, str]
    timeout_seconds: float


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the API is and who asks.

    Attributes:
        actor: ``user@host``, written into the audit log by a control that has no keys.
    """

    url: str = DEFAULT_URL
    key: str | None = None
    actor: str | None = None
    timeout_seconds: float = 30.0

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, where no proxy stands between."""
        host = urlsplit(self.url).hostname or ""
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False

    def prepare(self, call: Call[Any]) -> Prepared:
        """The request of a call; repetitions of it carry the same ``Idempotency-Key``."""
        headers = {**self._identity(), "accept": "application/json", **call.headers}
        if call.body is not None:
            headers["content-type"] = "application/json"
        if call.is_keyed:
            headers["idempotency-key"] = secrets.token_hex(16)
        query = {name: value for name, value in call.query.items() if value is not None}
        return Prepared(
            method=call.method,
            url=self._address(call.path, query),
            headers=headers,
            timeout_seconds=self.timeout_seconds + call.longest_seconds,
        )

    def prepare_stream(self, stream: Stream[Any], after: str) -> Prepared:
        """The request that opens, or resumes, a stream of events."""
        headers = {**self._identity(), "accept": "text/event-stream"}
        if after:
            headers["last-event-id"] = after
        return Prepared(
            method="GET", url=self._address(stream.path, {}), headers=headers, timeout_seconds=self.timeout_seconds
        )

    def unreachable(self, error: Exception) -> UpstreamError:
        """Nobody answers there."""
        return UpstreamError(
            f"control does not answer at {self.url}: {str(error) or type(error).__name__}",
            code="control_unreachable",
            remedy="start it with `tidegate up`, or name its address with --url or TIDEGATE_URL",
        )

    def _identity(self) -> dict[str, str]:
        identity = {"authorization": f"Bearer {self.key}"} if self.key else {}
        return identity | ({"x-tidegate-actor": self.actor} if self.actor else {})

    def _address(self, path: str, query: Mapping[str, str | int | Sequence[str]]) -> str:
        address = f"{self.url.rstrip('/')}{API}{path}"
        return f"{address}?{urlencode(query, doseq=True)}" if query else address


def content_of(call: Call[Any]) -> bytes | Iterable[bytes] | None:
    """The body of one try."""
    if call.content is not None:
        return call.content()
    return None if call.body is None else msgspec.json.encode(call.body)


def read_answer(call: Call[T], status: int, body: bytes) -> T:
    """The decoded answer.

    Raises:
        TidegateError: what the server said is wrong, as the class it raised there.
        UpstreamError: the answer is none of the API's.
    """
    if not 200 <= status < 300:
        raise problem(status, body)
    if call.returns is str:
        return cast("T", body.decode("utf-8", "replace"))
    try:
        return msgspec.json.decode(body, type=call.returns)
    except msgspec.DecodeError as error:
        raise UpstreamError(
            f"control answered something else than expected: {error}",
            code="unexpected_answer",
            where=f"{call.method} {call.path}",
            remedy="use a client of the same version as control",
        ) from error


def problem(status: int, body: bytes) -> TidegateError:
    """The error that a problem document tells of."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        told = {}
    code = str(told.get("code") or f"http_{status}")
    message = str(told.get("detail") or told.get("title") or f"the server answered with status {status}")
    where, remedy = told.get("where"), told.get("remedy")
    if code == MissingArtifactsError.default_code:
        missing = MissingArtifactsError(message, where=where, remedy=remedy)
        missing.missing = tuple(map(str, told.get("missing", ())))
        return missing
    return _class_of(status, code)(message, code=code, where=where, remedy=remedy)


def pause_seconds(call: Call[Any], attempt: int, status: int | None, retry_after: str | None) -> float | None:
    """How long to wait before trying again; ``None``: give up.

    Args:
        attempt: how many tries there were.
        status: of the answer; ``None`` when the connection failed.
        retry_after: the header of that name.
    """
    if attempt >= ATTEMPTS or not call.is_repeatable or (status is not None and status not in _PASSING):
        return None
    if retry_after is not None and retry_after.isdecimal():
        return min(float(retry_after), _LONGEST_PAUSE_SECONDS)
    return min(_FIRST_PAUSE_SECONDS * 4.0 ** (attempt - 1), _LONGEST_PAUSE_SECONDS)


def _class_of(status: int, code: str) -> type[TidegateError]:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status < 500:
        return CallerError
    if status == 500:
        return InternalError if code == InternalError.default_code else OperatorError
    return UpstreamError
