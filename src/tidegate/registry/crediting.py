"""Where what is said of an answer counts: with the request by which its unit was drawn.

A unit that returns keeps its variant while weights move on, and only the round it was drawn in had a coin for it. A verdict on
any later request of it, days after perhaps, is therefore a reward of that round. Should the unit have met another variant since,
what is said of that one compares nothing. That first request is kept with its unit, so it need not be among the stored requests
any more, nor have ended.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.registry.observations import Counts
from tidegate.registry.requests import FoundCounts
from tidegate.registry.units import First, first_key, read_firsts


async def credited(connection: AsyncConnection, found: Sequence[FoundCounts]) -> list[FoundCounts]:
    """Each request with the round and the part of the counts in which what is said of it counts, in the same order."""
    returning = {first_key(each.observation) for each in found if _returns(each)}
    firsts = await read_firsts(connection, returning)
    drawn = (firsts.get(first_key(each.observation)) if _returns(each) else None for each in found)
    return [each if first is None else _credited(each, first) for each, first in zip(found, drawn, strict=True)]


def _returns(found: FoundCounts) -> bool:
    """Whether its unit may have others, of which one counts."""
    return found.counted in {Counts.WINDOW, Counts.COMPARED} and not found.observation.has_own_unit


def _credited(found: FoundCounts, first: First) -> FoundCounts:
    row, drawn = found.observation, first.rows[0]
    if drawn.variant != row.variant:
        return FoundCounts(row, Counts.WINDOW)
    counted = Counts.COMPARED if first.is_compared else Counts.WINDOW
    return FoundCounts(msgspec.structs.replace(row, round=drawn.round), counted)
