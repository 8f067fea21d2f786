"""JSON as the API takes it: nothing that a database or the next reader could not hold.

Python's own reader takes lone surrogates, NaN and any nesting that its stack bears; none of these can be stored.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.errors import InvalidInputError

MAX_DEPTH = 100
_DECODE = msgspec.json.Decoder().decode


def check_json(body: bytes) -> None:
    """Refuse a body that is not plain JSON; an empty one is left to the route.

    Raises:
        InvalidInputError: not JSON or not UTF-8, nested deeper than :data:`MAX_DEPTH`, or with a zero character.
    """
    if not body.strip():
        return
    try:
        value = _DECODE(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError("the body is not JSON", code="bad_json", where=str(error)) from None
    _check_values(value)


def _check_values(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        if any(isinstance(each, str) and "\x00" in each for each in level):
            raise InvalidInputError("a text holds a zero character", where="body", remedy="leave it out")
        below = []
        for each in level:
            if isinstance(each, dict):
                below += [*each.keys(), *each.values()]
            elif isinstance(each, list):
                below += each
        if not below:
            return
        level = below
    raise _too_deep()


def _too_deep() -> InvalidInputError:
    return InvalidInputError(f"the body is nested deeper than {MAX_DEPTH} levels", where="body", remedy="flatten it")
