"""Gates before traffic: what a program or a service says of the candidate, and whether that lets it pass.

One port for everything that judges a version before any user meets it. An adapter reports a :class:`GateReport` of
what it saw; :func:`judge_gate` alone decides. Silence, too few samples and an answer nobody can read are *no data*,
which never passes.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from tidegate.delivery.gate_spec import GateSpec
from tidegate.stats.verdict import Verdict


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


def _said(report: GateReport) -> str:
    last = report.excerpt.strip().rpartition("\n")[2]
    return f": {last[:200]}" if last else ""
