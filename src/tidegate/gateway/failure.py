"""A failed attempt, and what the client is told when nobody could rescue it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tidegate.gateway.rescue import Cause, cause_of_status
from tidegate.wire.dialect_errors import error_body

if TYPE_CHECKING:
    from tidegate.wire.exchange import UpstreamFault
    from tidegate.wire.kinds import Dialect

Header = tuple[bytes, bytes]


class Failure(NamedTuple):
    """Why an attempt failed, and how that reads.

    Attributes:
        status: for the client. An upstream that rejects *our* credential or model is no fault of the
            client's, so it reads 502.
        body: a whole error body in the client's dialect, or ``None`` to make one of code and message.
        asked_wait: seconds the upstream asked to wait, or ``None``.
        is_unrenderable: the request could not even be written for this deployment.
    """

    cause: Cause
    status: int
    code: str
    message: str
    body: bytes | None = None
    asked_wait: float | None = None
    is_content_filter: bool = False
    is_unrenderable: bool = False

    def error_body(self, dialect: Dialect, request_id: str) -> bytes:
        """The answer's body."""
        return self.body or error_body(dialect, self.status, self.code, self.message, request_id)

    def headers(self) -> tuple[Header, ...]:
        """``retry-after`` where waiting helps; whole seconds, rounded up."""
        if self.cause in _WAITING:
            return ((b"retry-after", b"%d" % -int(-(self.asked_wait or 1.0) // 1)),)
        return ()


_WAITING = frozenset({Cause.RATE_LIMITED, Cause.BUSY, Cause.BENCHED})

_SENTENCES: dict[Cause, tuple[int, str, str]] = {
    Cause.REJECTED: (
        502,
        "upstream_rejected",
        "the provider rejected the gateway's request; its operator must look at credential and model",
    ),
    Cause.REDIRECTED: (502, "upstream_redirected", "the provider answered with a redirect, which is never followed"),
    Cause.BUSY: (429, "provider_busy", "all places at the provider are taken; try again shortly"),
    Cause.SILENT: (504, "upstream_timeout", "the model sent no content in time"),
    Cause.TIMED_OUT: (504, "upstream_timeout", "the provider did not answer in time"),
    Cause.OUT_OF_TIME: (504, "upstream_timeout", "the request took longer than its time limit"),
    Cause.UNREACHABLE: (502, "upstream_unreachable", "the provider cannot be reached or closed the connection"),
    Cause.MALFORMED: (502, "upstream_malformed", "the provider's answer is not what its endpoint promises"),
    Cause.TRUNCATED: (502, "upstream_truncated", "the provider's answer ended before it was complete"),
    Cause.BENCHED: (
        503,
        "upstream_unavailable",
        "the provider failed repeatedly and is given a rest; try again shortly",
    ),
}


def failure_of(cause: Cause) -> Failure:
    """A failure that needs no words of the upstream."""
    status, code, message = _SENTENCES[cause]
    return Failure(cause, status, code, message)


PROVIDER_UNUSABLE = "provider_unusable"


def failure_of_problem(problem: str) -> Failure:
    """A provider that this gateway cannot ask at all, such as one whose credential is not there.

    Args:
        problem: for operators; ``""`` for everybody else.
    """
    told = problem or "this gateway cannot use the provider; its operator finds the reason in its log"
    return Failure(Cause.REJECTED, 502, PROVIDER_UNUSABLE, told)


def failure_of_fault(fault: UpstreamFault, asked_wait: float | None) -> Failure:
    """What an upstream's own error, as an answer or inside a stream, means for the request."""
    cause = cause_of_status(fault.status, is_content_filter=fault.is_content_filter, is_quota=fault.is_quota)
    if cause in _SENTENCES:
        return failure_of(cause)._replace(asked_wait=asked_wait)
    return Failure(
        cause,
        fault.status,
        fault.code,
        fault.message,
        fault.body,
        asked_wait,
        is_content_filter=fault.is_content_filter,
    )
