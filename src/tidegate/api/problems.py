"""Every error as RFC 9457 problem details: ``type, title, status, detail, code``, and ``where`` and ``remedy`` if known."""

from __future__ import annotations

import http
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tidegate.errors import InternalError, OperatorError, TidegateError

_LOG = structlog.get_logger("tidegate.api")
MEDIA_TYPE = "application/problem+json"
_HTTP_CODES = {404: "unknown_path", 405: "method_not_allowed"}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong, for machines (``code``) and people (``detail``).

    Attributes:
        type: ``urn:tidegate:error:CODE``; the codes are listed at /api/docs.
        where: field, file and line, or object that the sentence speaks of.
        remedy: how to mend it.
        missing: with ``missing_artifacts``: the sha256 to upload.
        errors: with several mistakes in one body: each with where and message.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    where: str | None = None
    remedy: str | None = None
    missing: tuple[str, ...] = ()
    errors: tuple[dict[str, str], ...] = ()


class RefusedError(TidegateError):
    """A request that HTTP itself has a status for: too large, method not allowed."""

    def __init__(self, status: int, message: str, *, code: str, remedy: str | None = None) -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.http_status = status


def install_problems(app: FastAPI) -> None:
    """Answer every exception with a problem document."""
    app.add_exception_handler(TidegateError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unknown)


def problem_of(error: TidegateError) -> Problem:
    """The document of one of our errors."""
    status = error.http_status if isinstance(error, RefusedError) else error.status
    return Problem(
        type=_type(error.code),
        title=http.HTTPStatus(status).phrase,
        status=status,
        detail=error.message,
        code=error.code,
        where=error.where,
        remedy=error.remedy,
        missing=getattr(error, "missing", ()),
    )


def answer(problem: Problem) -> Response:
    """The problem as a response."""
    headers = {"www-authenticate": 'Bearer realm="tidegate"'} if problem.status == 401 else {}
    headers["cache-control"] = "no-store"
    if problem.status in {408, 413}:
        headers["connection"] = "close"  # the rest of the body is not waited for
    return Response(msgspec.json.encode(problem), problem.status, headers, MEDIA_TYPE)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, TidegateError)
    problem = problem_of(error)
    if problem.status >= 500:
        _LOG.error("request_failed", path=request.url.path, code=error.code, error=str(error))
    return answer(problem)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [{"where": _where(each), "message": str(each["msg"])} for each in error.errors()]
    first = error.errors()[0]
    code = {"extra_forbidden": "unknown_key", "json_invalid": "bad_json"}.get(first["type"], "invalid_input")
    return answer(
        Problem(
            type=_type(code),
            title="Unprocessable Content",
            status=422,
            detail=_sentence(first),
            code=code,
            where=found[0]["where"],
            remedy="compare the request with /api/docs",
            errors=tuple(found) if len(found) > 1 else (),
        )
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "bad_request")
    detail = {
        "unknown_path": f"there is nothing at {request.url.path}",
        "method_not_allowed": f"{request.url.path} does not take {request.method}",
    }.get(code, str(error.detail))
    response = answer(
        Problem(
            type=_type(code),
            title=http.HTTPStatus(error.status_code).phrase,
            status=error.status_code,
            detail=detail,
            code=code,
            remedy="see /api/docs",
        )
    )
    response.headers.update(error.headers or {})
    return response


async def _unknown(request: Request, error: Exception) -> Response:
    """Our bug, or a database that is gone: its text may tell what nobody outside should read."""
    if isinstance(error, sa.exc.OperationalError):
        remedy = "see that storage.database can be reached and written"
        return await _known(
            request, OperatorError("the database does not answer", code="storage_failed", remedy=remedy)
        )
    _LOG.error("request_failed", path=request.url.path, error=repr(error), exc_info=error)
    return answer(problem_of(InternalError("something went wrong here", remedy="the log of control tells what")))


def _where(error: dict[str, Any]) -> str:
    parts = [part for part in error["loc"] if part not in {"body", "query", "path", "header"}]
    return ".".join(map(str, parts)) or str(error["loc"][0])


def _sentence(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key {error['loc'][-1]!r}"
    if error["type"] == "json_invalid":
        return "the body is not JSON"
    message = str(error["msg"])
    return message[:1].lower() + message[1:]


def _type(code: str) -> str:
    return f"urn:tidegate:error:{code}"
