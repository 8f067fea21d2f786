"""Exchanges between equal dialects: the client's bytes, with the version's share spliced in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.wire.exchange import Exchange
    from tidegate.wire.insertion import Insertion
    from tidegate.wire.json_object import JsonObject
    from tidegate.wire.kinds import Kind
    from tidegate.wire.request import RequestFacts


def open_passthrough(kind: Kind, body: JsonObject, facts: RequestFacts, insertion: Insertion) -> Exchange:
    """An exchange with an upstream of the client's own dialect."""
    raise NotImplementedError
