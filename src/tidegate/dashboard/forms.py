"""Reads what forms send, within bounds."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from tidegate.errors import InvalidInputError

MOST_BYTES = 256 * 1024
_MOST_FIELDS = 200


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; the last one of each name.

    Raises:
        InvalidInputError: it is too large, or not what our forms send.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise InvalidInputError("the form is too large", remedy=f"send at most {MOST_BYTES // 1024} KB")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise InvalidInputError("the form is not readable", remedy="load the page again") from error
