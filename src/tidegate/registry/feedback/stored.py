"""One verdict as it is stored."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from tidegate.delivery.evidence.opinions import MICRO, Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.observation import Observation
from tidegate.delivery.records import FeedbackRecord
from tidegate.registry.hashes import to_signed, to_unsigned
from tidegate.registry.observations import Counted, CountKey, Counts
from tidegate.registry.schema import feedback

_UNATTRIBUTED: dict[str, Any] = {
    "release": "",
    "attempt": 0,
    "step": 0,
    "round": 0,
    "variant": "",
    "version": "",
    "served": "",
    "served_version": "",
    "counted": Counts.NONE,
    "vote": "",
}


class FeedbackStanding(StrEnum):
    """How far a verdict came."""

    PENDING = "pending"  # the observation of its request is not there yet
    COUNTED = "counted"  # it counts for the variant its request was assigned to
    UNCOUNTED = "uncounted"  # its request belongs to no release, was forced, or it is words alone
    UNKNOWN = "unknown"  # no observation came in time
    FOREIGN = "foreign"  # the key does not cover the request's service


STANDS = feedback.c.standing.in_([FeedbackStanding.COUNTED, FeedbackStanding.UNCOUNTED])
"""Verdicts whose request is known and whose sender may speak of it."""


class Ballot(StrEnum):
    """What a verdict is to the vote of its conversation."""

    NONE = ""
    WIN = "win"  # of the candidate: the verdict names a place, and whose answer stood there is known
    TIE = "tie"
    LOSS = "loss"
    TURN = "turn"  # of a turn, which is compared with one of the other version


class StoredFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict, and what its request's observation said once it is known.

    Attributes:
        since_us: when the first verdict came whose place this one has taken; by it verdicts of a unit are in order.
        micro: yes is 10**6 and no is 0, a number its millionths; ``None`` for categories and words.
        category: ``yes``, ``no`` or the category; ``None`` for numbers and words.
        services: those the sender's key covers; empty for all.
        counted: the part of the counts its request is in. Of what a unit says under one name the first verdict alone
            compares the arms (:mod:`~tidegate.registry.feedback.standing`).
    """

    id: int
    request_id: str
    name: str
    source: str
    at_us: int
    since_us: int
    key: str
    services: tuple[str, ...]
    service: str
    unit_hash: int
    micro: int | None
    category: str | None
    comment: str
    demonstration: str
    standing: FeedbackStanding
    release: str
    attempt: int
    step: int
    round: int
    variant: str
    version: str
    served: str
    served_version: str
    counted: Counts
    vote: Ballot = Ballot.NONE

    def covers(self, service: str) -> bool:
        """Whether the sender's key covers ``service``."""
        return not self.services or service in self.services

    @property
    def is_counted(self) -> bool:
        """Whether anything rests on it."""
        return self.standing is FeedbackStanding.COUNTED

    @property
    def is_placed(self) -> bool:
        """Whether it names the place of one of two answers: it is a vote, and counts as nothing else."""
        return self.vote not in {Ballot.NONE, Ballot.TURN}

    @property
    def count_key(self) -> CountKey:
        """Of the counts it belongs to."""
        return self.release, self.attempt, self.step, self.round, self.variant

    @property
    def opinion(self) -> Opinions | None:
        """What it adds to counts."""
        if self.micro is None:
            return None if self.category is None else Opinions.of(self.category)
        if self.category is not None:
            return Opinions.of(bool(self.micro))
        return Opinions(count=1, total=self.micro, squares=self.micro * self.micro)

    @property
    def own_share(self) -> Counted:
        """Its part of the counts, whatever else its unit says."""
        added = self.as_summary
        return Counted(early=added) if self.counted is Counts.EARLY else Counted(window=added)

    @property
    def as_summary(self) -> Summary:
        """Its opinion under its name."""
        return Summary(opinions={self.name: self.opinion or Opinions()})

    def attributed(self, row: Observation, counted: Counts, vote: Ballot = Ballot.NONE) -> StoredFeedback:
        """The same, now that its request is known."""
        return msgspec.structs.replace(
            self,
            request_id=row.request_id,
            service=row.service,
            unit_hash=row.unit_hash,
            standing=FeedbackStanding.COUNTED if counted else FeedbackStanding.UNCOUNTED,
            release=row.release,
            attempt=row.attempt,
            step=row.step,
            round=row.round,
            variant=row.variant,
            version=row.version,
            served=row.served,
            served_version=row.served_version,
            counted=counted,
            vote=vote,
        )

    @property
    def attribution(self) -> dict[str, Any]:
        """The columns that :meth:`attributed` and a replacement change."""
        names = ("request_id", "service", "standing", "since_us", *_UNATTRIBUTED)
        return {name: getattr(self, name) for name in names} | {"unit_hash": to_signed(self.unit_hash)}


def in_order(said: StoredFeedback) -> tuple[int, str, str]:
    """By which the first of several verdicts is known: when it was first said, else by something that is always there."""
    return said.since_us, said.request_id, said.source


IN_ORDER = (feedback.c.since_us, feedback.c.request_id, feedback.c.source)
"""The same for the database."""


def pending_row(record: FeedbackRecord) -> dict[str, object]:
    """A record as a row that waits for its request."""
    micro, category = _value(record.value)
    return {
        "request_id": record.request_id,
        "name": record.name,
        "source": record.source,
        "at_us": record.at_us,
        "since_us": record.at_us,
        "key": record.key,
        "services": msgspec.json.encode(record.services).decode(),
        "service": record.service,
        "unit_hash": to_signed(record.unit_hash),
        "micro": micro,
        "category": category,
        "comment": record.comment,
        "demonstration": record.demonstration,
        "standing": FeedbackStanding.PENDING,
        **_UNATTRIBUTED,
    }


def stored(row: sa.Row[Any]) -> StoredFeedback:
    """A row of the table."""
    values = dict(row._mapping)  # noqa: SLF001  # the documented way to a row's names
    services = tuple(msgspec.json.decode(values["services"]))
    values["standing"], values["counted"] = FeedbackStanding(values["standing"]), Counts(values["counted"])
    values["vote"] = Ballot(values["vote"])
    return StoredFeedback(**values | {"services": services, "unit_hash": to_unsigned(values["unit_hash"])})


def _value(value: bool | float | str | None) -> tuple[int | None, str | None]:
    if isinstance(value, bool):
        return (MICRO, "yes") if value else (0, "no")
    if value is None or isinstance(value, str):
        return None, value
    return round(value * MICRO), None
