"""Votes on both versions' answers: a conversation has one, the first that was given of all that stand.

- Two answers shown side by side: the verdict names the preferred one by its place, or neither.
- Alternating turns: the first verdict on a turn of each version; the higher one wins. Which version came first in a
  conversation is random, so of equal versions either is as likely to be higher.
"""

from __future__ import annotations

from tidegate.delivery.evidence.opinions import MICRO
from tidegate.delivery.evidence.votes import Vote, Votes
from tidegate.delivery.observation import FAILURES
from tidegate.delivery.pairs import PairRecord
from tidegate.registry.feedback.stored import Ballot, StoredFeedback

NEITHER = frozenset({"tie", "neither", "both"})
"""Words that prefer none of two answers."""


def vote_on(pair: PairRecord, said: StoredFeedback) -> Ballot:
    """What a verdict on two answers shown side by side says of the candidate's; none where one of them was missing,
    or it names no place."""
    if not FAILURES.isdisjoint((pair.stable.assigned_outcome, pair.candidate.assigned_outcome)):
        return Ballot.NONE
    if said.category is not None:
        return Ballot.TIE if said.category in NEITHER else Ballot.NONE
    if said.micro not in {0, MICRO}:
        return Ballot.NONE
    return Ballot.WIN if pair.shown[said.micro // MICRO] == pair.candidate.variant else Ballot.LOSS


def votes_of_pairs(first: StoredFeedback | None, count: int) -> Votes:
    """Of a conversation that was shown pairs.

    Args:
        first: the first vote on one of them.
        count: of all votes.
    """
    if first is None:
        return Votes()
    vote, place = Vote(first.vote), first.micro
    is_decided = vote is not Vote.TIE
    own = Votes.of(vote, first=int(is_decided and place == 0), second=int(is_decided and place != 0))
    return own + Votes(repeated=count - 1)


def votes_of_turns(stable: StoredFeedback | None, candidate: StoredFeedback | None) -> Votes:
    """Of a conversation, by the first turn of each version that was spoken of."""
    if stable is None or candidate is None or stable.micro is None or candidate.micro is None:
        return Votes()
    if candidate.micro == stable.micro:
        return Votes.of(Vote.TIE)
    return Votes.of(Vote.WIN if candidate.micro > stable.micro else Vote.LOSS)
