"""How what there is of a limit is divided over those who want it."""

from __future__ import annotations

from collections.abc import Mapping


def share_out(limit: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """A rate or places over those who use it: max-min fair.

    Nobody gets less than it wants while another gets more than that one; what nobody wants is divided evenly. The
    parts add up to ``limit``, but for those who would have none and get one place all the same.
    """
    parts: dict[str, int] = {}
    left = limit
    for place, name in enumerate(sorted(wanted, key=lambda each: (wanted[each], each))):
        parts[name] = min(wanted[name], left // (len(wanted) - place))
        left -= parts[name]
    return {name: max(1, part) for name, part in _evenly(left, parts).items()}


def hand_out(amount: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """Money over those who want it: the small wishes first, each of them whole as long as there is enough.

    Not fair parts, as of a rate: half of what a request may cost lets nobody through, and whatever one process does
    not need after all comes back. What nobody wants is divided evenly; the parts add up to ``amount``.
    """
    parts: dict[str, int] = {}
    left = amount
    for name in sorted(wanted, key=lambda each: (wanted[each], each)):
        parts[name] = min(wanted[name], left)
        left -= parts[name]
    return _evenly(left, parts)


def _evenly(left: int, parts: Mapping[str, int]) -> dict[str, int]:
    grown: dict[str, int] = {}
    for place, name in enumerate(sorted(parts)):
        more = left // (len(parts) - place)
        grown[name] = parts[name] + more
        left -= more
    return grown
