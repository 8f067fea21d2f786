"""What `wire` raises: both errors are the caller's to mend."""

from __future__ import annotations

from typing import ClassVar

from tidegate.errors import CallerError


class MalformedBodyError(CallerError):
    """The request body is not what its endpoint takes; ``where`` is the field path, if there is one."""

    status: ClassVar[int] = 400
    default_code: ClassVar[str] = "malformed_body"


class UnsupportedByDialectError(CallerError):
    """The version's provider speaks a dialect that cannot serve this request."""

    status: ClassVar[int] = 400
    default_code: ClassVar[str] = "unsupported_by_dialect"
