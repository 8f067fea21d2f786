"""Bytes to typed messages and back: pure, incremental, without a clock."""

from tidegate.wire.errors import MalformedBodyError, UnsupportedByDialectError

__all__ = ["MalformedBodyError", "UnsupportedByDialectError"]
