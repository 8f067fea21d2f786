"""What every kind of gate is given and gives back: the port, and the one list of its adapters."""

from __future__ import annotations

from typing import Protocol

import msgspec

from tidegate.delivery.gate_spec import GateSpec
from tidegate.delivery.gates import GateReport


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One gate, asked about one candidate in one attempt.

    Attributes:
        key: the same each time the same question is asked, so that a program or service may know it again.
        gateway: ``http://HOST:PORT`` of a gateway that knows the candidate, "" without one.
    """

    key: str
    spec: GateSpec
    number: int
    service: str
    version: str
    stable: str
    release: str
    attempt: int
    gateway: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """By the names that commands fill in."""
        return {
            "version": self.version,
            "service": self.service,
            "stable": self.stable,
            "release": self.release,
            "attempt": str(self.attempt),
            "gate": self.spec.name or str(self.number + 1),
        }


class Gate(Protocol):
    """Judges a version before any user meets it."""

    async def ask(self, question: Question) -> GateReport:
        """What the gate says; it ends itself when the question's time is up, and leaves nothing running."""


class Reported(msgspec.Struct, frozen=True):
    """The JSON that programs and services report: ``{"score": 0.87, "n": 200}``."""

    score: float | None = None
    n: int | None = None


def read_report(text: str) -> Reported:
    """The last line that is a JSON object with a score, or the whole text as one; empty if there is none."""
    for candidate in (text, *reversed(text.splitlines())):
        try:
            found = msgspec.json.decode(candidate, type=Reported)
        except msgspec.DecodeError:
            continue
        if found.score is not None or found.n is not None:
            return found
    return Reported()
