"""Where what is said of an answer counts: with the request by which its unit was drawn.

A unit that returns keeps its variant while weights move on, and only the round it was drawn in had a coin for it. A verdict on
any later request of it, days after perhaps, is therefore a reward of that round. Should the unit have met another variant since,
what is said of that one compares nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.registry.observations import Counts
from tidegate.registry.requests import FoundCounts, of_requests
from tidegate.registry.units import first_key, read_firsts


async def credited(connection: AsyncConnection, found: Sequence[FoundCounts]) -> list[FoundCounts]:
    """Each request with the round and the part of the counts in which what is said of it counts, in the same order."""
    returning = [each for each in found if each.counted in {Counts.WINDOW, Counts.COMPARED} and not _is_alone(each)]
    firsts = await read_firsts(connection, {first_key(each.observation) for each in returning})
    drawn = {each.rows[0].request_id for each in firsts.values()}
    known = await of_requests(connection, drawn) if drawn else {}
    moved = {id(each): first.rows[0] for each in returning if (first := firsts.get(first_key(each.observation)))}
    return [_credited(each, known.get(moved[id(each)].request_id)) if id(each) in moved else each for each in found]


def _is_alone(found: FoundCounts) -> bool:
    return found.observation.has_own_unit


def _credited(found: FoundCounts, drawn: FoundCounts | None) -> FoundCounts:
    """Args: drawn: the unit's first request; ``None`` when it is no longer stored, or has not ended."""
    row = found.observation
    if drawn is None or drawn.observation.request_id == row.request_id:
        return found
    if drawn.observation.variant != row.variant:
        return FoundCounts(row, Counts.WINDOW)
    return FoundCounts(msgspec.structs.replace(row, round=drawn.observation.round), drawn.counted)
