"""Gates before traffic: what a program or a service says of the candidate, and whether that lets it pass.

One port for everything that judges a version before any user meets it. An adapter reports a :class:`GateReport` of
what it saw; :func:`judge_gate` alone decides. Silence, too few samples and an answer nobody can read are *no data*,
which never passes.
"""

from __future__ import annotations

import string
from datetime import datetime
from typing import Literal

import msgspec

from tidegate.delivery.quantities import Comparison, Seconds
from tidegate.errors import InvalidInputError
from tidegate.stats.verdict import Verdict

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


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter saw.

    Attributes:
        is_success: exit code 0, or a 2xx answer.
        ended: how it ended, as part of a sentence: ``"it exited with 1"``.
        score, samples: as reported, ``None`` where nothing was.
        excerpt: the end of what it said.
        is_known: ``False`` when nothing was learnt: it could not be started, was cut short, or never answered.
    """

    is_success: bool
    ended: str
    score: float | None = None
    samples: int | None = None
    excerpt: str = ""
    is_known: bool = True


class GateResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a gate said of one attempt.

    Attributes:
        gate: its place in the release file, from 0.
        version: full reference of the version that was asked about.
        code: stable reason; ``sentence`` says the same for people.
    """

    gate: int
    version: str
    attempt: int
    verdict: Verdict
    code: str
    sentence: str
    score: float | None = None
    samples: int | None = None
    excerpt: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


def gate_name(spec: GateSpec, number: int) -> str:
    """Its name, or ``command gate 1``."""
    return spec.name or f"{spec.kind} gate {number + 1}"


def judge_gate(spec: GateSpec, report: GateReport) -> tuple[Verdict, str, str]:
    """(verdict, reason code, sentence): no data first, then what was asked for."""
    if not report.is_known:
        return Verdict.NO_DATA, "gate_unanswered", f"nothing was learnt: {report.ended}"
    if not report.is_success:
        return Verdict.FAIL, "gate_failed", f"{report.ended}{_said(report)}"
    if spec.score is not None and report.score is None:
        return Verdict.NO_DATA, "gate_without_score", f"{report.ended}, and it reported no score{_said(report)}"
    if spec.min_samples and (report.samples or 0) < spec.min_samples:
        counted = "an unknown number of" if report.samples is None else str(report.samples)
        return Verdict.NO_DATA, "gate_too_few", f"the score rests on {counted} cases and needs {spec.min_samples}"
    if spec.score is None or report.score is None:
        return Verdict.PASS, "gate_passed", report.ended
    over = "" if report.samples is None else f" over {report.samples} cases"
    if spec.score.holds(report.score):
        return Verdict.PASS, "gate_passed", f"the score is {report.score:g}{over}, {spec.score} was asked for"
    return Verdict.FAIL, "gate_score", f"the score is {report.score:g}{over}, and {spec.score} was asked for"


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


def _said(report: GateReport) -> str:
    last = report.excerpt.strip().rpartition("\n")[2]
    return f": {last[:200]}" if last else ""
