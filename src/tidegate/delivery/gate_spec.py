"""Gates as people declare them, in a release file or as a service's suites; :mod:`tidegate.delivery.gates` judges what
they say."""

from __future__ import annotations

import string
from typing import Literal

import msgspec

from tidegate.delivery.quantities import Comparison, Seconds
from tidegate.errors import InvalidInputError

KINDS = ("command", "http")
PLACEHOLDERS = ("version", "service", "stable", "release", "attempt", "gate")


class GateSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One gate, of exactly one kind.

    Attributes:
        command: a program and its arguments, run without a shell; ``{version}`` and the other
            :data:`PLACEHOLDERS` are filled in, each within its argument.
        http: an address that is asked by POST.
        name: for people; the kind and number without it.
        score: what the reported score must satisfy; without it success alone is asked for.
        min_samples: cases the score must rest on.
        timeout: how long the gate may take.
        action: whether a gate that does not pass rejects the release or is only told.
    """

    command: str | None = None
    http: str | None = None
    name: str = ""
    score: Comparison | None = None
    min_samples: int = 0
    timeout: Seconds = Seconds(1800)
    action: Literal["block", "warn"] = "block"

    @property
    def kind(self) -> str:
        """``command`` or ``http``."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


def gate_name(spec: GateSpec, number: int) -> str:
    """Its name, or ``command gate 1``."""
    return spec.name or f"{spec.kind} gate {number + 1}"


def check_gate(spec: GateSpec) -> None:
    """What types cannot say.

    Raises:
        InvalidInputError: none or several kinds, or a value that means nothing; ``where`` is the key.
    """
    given = [kind for kind in KINDS if getattr(spec, kind) is not None]
    if len(given) != 1:
        raise InvalidInputError(
            "a gate is of exactly one kind",
            where="",
            remedy='write {command: "python eval.py {version}"} or {http: URL}',
        )
    if spec.http is not None and not spec.http.startswith(("https://", "http://")):
        raise InvalidInputError(f"{spec.http!r} is no address", where="http", remedy="write https://…")
    if spec.command is not None:
        _check_placeholders(spec.command)
    if spec.min_samples < 0 or spec.timeout <= 0:
        raise InvalidInputError(
            "a gate's numbers are positive", where="min_samples" if spec.min_samples < 0 else "timeout"
        )


def _check_placeholders(command: str) -> None:
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(command) if name is not None]
    except ValueError as error:
        raise InvalidInputError(
            f"{command!r} cannot be filled in: {error}", where="command", remedy="write a brace twice to mean it"
        ) from None
    unknown = [name for name in names if name not in PLACEHOLDERS]
    if unknown:
        raise InvalidInputError(
            f"nothing is known by the name {unknown[0]!r}",
            where="command",
            remedy=f"known are {', '.join(PLACEHOLDERS)}; write a brace twice to mean it",
        )
    if not command.strip():
        raise InvalidInputError("the command is empty", where="command")
