"""How many votes an interleaving takes: no history tells how many people will vote, but what they have to say is known.

Of the decided votes the candidate wins a share; with share 1/2 of the arm the sign test is predict-the-arm
(:func:`tidegate.stats.planning.sequential_power.by_events`) with that share's odds as the ratio of rates.
"""

from __future__ import annotations

from typing import NamedTuple

from tidegate.stats.planning.sequential_power import by_events

SHARES = (0.55, 0.6, 0.7, 0.8)
_MOST = 20_000


class NeededVotes(NamedTuple):
    """Conversations that prefer one of the versions.

    Attributes:
        share: of them that prefer the candidate.
        votes: with which that is found; infinite beyond any that can be reckoned.
    """

    share: float
    votes: float


def needed_votes(alpha: float, power: float) -> tuple[NeededVotes, ...]:
    """For several shares, the decided votes with which the candidate is surely preferred.

    Args:
        alpha: of the release; each direction has half of it.
        power: with which it is found, a look at each vote.
    """
    return tuple(
        NeededVotes(share, by_events(0.5, share / (1 - share), alpha / 2, most=_MOST).needed(power)) for share in SHARES
    )


def votes_sentence(alpha: float, power: float) -> str:
    """``55 to 45 takes about 1,120 votes, 60 to 40 about 280``."""
    told = [
        f"{each.share * 100:.0f} to {100 - each.share * 100:.0f} takes about {round(each.votes, -1 if each.votes > 100 else None):,.0f}"
        for each in needed_votes(alpha, power)
    ]
    return f"{', '.join(told)} votes that prefer one, with {power * 100:.0f} % power"
