"""Translation between the dialects: a client of one, an upstream of the other."""

from tidegate.wire.translate.exchange import open_translated

__all__ = ["open_translated"]
