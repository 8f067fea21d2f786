"""Everything a decision can wish for. Tiny, frozen, idempotent, each with a key.

*Records* (``is_record``) are rows: they are written in the transaction that commits the state, so they can be
neither lost nor repeated. *Effects* are carried out after it; a crash loses them, and the next decision asks
again for those the state still needs. The order is the order to carry them out in: routing before all else.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from tidegate.delivery.release import MetricVerdict, Moment


class _Command(msgspec.Struct, frozen=True, kw_only=True):
    release: str
    attempt: int
    step: int
    is_record: ClassVar[bool] = False

    @property
    def action(self) -> str:
        """What it is, within release, attempt and step."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        """Idempotency key: the same wish has the same key, however often it is made."""
        return f"{self.release}/{self.attempt}/{self.step}/{self.action}"


class WriteRouting(_Command, frozen=True, kw_only=True):
    """Effect: publish the service's route as ``routing.service_route`` makes it from the committed state.

    Attributes:
        weights: basis points by variant, for people; the state is what counts.
    """

    service: str
    phase: str
    weights: dict[str, int]

    @property
    def action(self) -> str:
        """One for each phase and split."""
        split = ",".join(f"{name}={weight}" for name, weight in sorted(self.weights.items()))
        return f"write_routing:{self.phase}:{split}"


class Deploy(_Command, frozen=True, kw_only=True):
    """Effect: make a version on trial callable; for a hosted model there is nothing to do."""

    version: str

    @property
    def action(self) -> str:
        """One for each version and attempt."""
        return f"deploy:{self.version}"


class RunGate(_Command, frozen=True, kw_only=True):
    """Effect: ask one gate of the spec about the candidate and keep what it says for ``Facts.gates``."""

    version: str
    gate: int

    @property
    def action(self) -> str:
        """One for each attempt, gate and version."""
        return f"run_gate:{self.gate}:{self.version}"


class RunProbe(_Command, frozen=True, kw_only=True):
    """Effect: send the probes of the spec to each version on trial and keep the result for ``Facts.probe``."""

    versions: tuple[str, ...]

    @property
    def action(self) -> str:
        """One for each attempt."""
        return "run_probe"


class TearDown(_Command, frozen=True, kw_only=True):
    """Record: a version whose deployment nobody needs any longer; removed after the commit, at least once."""

    version: str
    is_record: ClassVar[bool] = True

    @property
    def action(self) -> str:
        """One for each version."""
        return f"tear_down:{self.version}"


class CommitStable(_Command, frozen=True, kw_only=True):
    """Record: the service's pointers, stable and previous stable."""

    service: str
    stable: str
    previous: str | None
    is_record: ClassVar[bool] = True

    @property
    def action(self) -> str:
        """Once in an attempt."""
        return "commit_stable"


class SwapBack(_Command, frozen=True, kw_only=True):
    """Record: the pointers as they were before the commit."""

    service: str
    stable: str
    previous: str
    is_record: ClassVar[bool] = True

    @property
    def action(self) -> str:
        """Once in an attempt."""
        return "swap_back"


class OpenIncident(_Command, frozen=True, kw_only=True):
    """Record: an automatic rollback began.

    Attributes:
        version: the one that was taken from users.
        variant: of an experiment's arm that was taken out alone; "" for the whole release.
        trigger: code of the transition.
        exposed_requests: user requests assigned to the candidate so far; exposed_units: their units.
    """

    service: str
    version: str
    variant: str = ""
    trigger: str
    summary: str
    evidence: tuple[MetricVerdict, ...]
    exposed_requests: int
    exposed_units: int
    at: datetime
    is_record: ClassVar[bool] = True

    @property
    def action(self) -> str:
        """Once in an attempt, and once for each arm."""
        return f"open_incident:{self.variant}" if self.variant else "open_incident"


class CloseIncident(_Command, frozen=True, kw_only=True):
    """Record: stable serves everything again and the candidate is drained.

    Attributes:
        time_to_stable_seconds: breach to the last gateway's acknowledgement.
        timeline: what happened on the way back, in order.
    """

    service: str
    variant: str = ""
    time_to_stable_seconds: float
    exposed_requests: int
    exposed_units: int
    timeline: tuple[Moment, ...]
    at: datetime
    is_record: ClassVar[bool] = True

    @property
    def action(self) -> str:
        """Once in an attempt, and once for each arm."""
        return f"close_incident:{self.variant}" if self.variant else "close_incident"


class Notify(_Command, frozen=True, kw_only=True):
    """Record: something people want to hear of; one outbox row for each sink.

    Attributes:
        event: one of :data:`tidegate.delivery.notifying.EVENTS`.
        ordinal: which change of the decision it tells of; two pauses may begin in one.
    """

    service: str
    event: str
    sentence: str
    at: datetime
    ordinal: int
    is_record: ClassVar[bool] = True

    @property
    def action(self) -> str:
        """Events may repeat, so the instant and the change belong to it."""
        return f"notify:{self.event}:{self.at.isoformat()}:{self.ordinal}"


Command = (
    WriteRouting
    | Deploy
    | RunGate
    | RunProbe
    | TearDown
    | CommitStable
    | SwapBack
    | OpenIncident
    | CloseIncident
    | Notify
)
