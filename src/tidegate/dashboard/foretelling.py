"""What exactly will happen when somebody presses a button of a release; no sentence, no button."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tidegate.dashboard.wording import share, short, words
from tidegate.shapes.releases import Release
from tidegate.shapes.traffic import ProgramStep

_FORWARD = ("gating", "progressing", "promoting")
_FINAL = "This cannot be undone, only released again."


class Foretold(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence for each button that makes sense now, "" for those that do not."""

    approve: str = ""
    reject: str = ""
    resume: str = ""
    go_on: str = ""
    promote_fully: str = ""
    pause: str = ""
    abort: str = ""
    retry: str = ""


def foretell(release: Release, program: Sequence[ProgramStep]) -> Foretold:
    """The buttons of a release as it stands."""
    if not release.is_running:
        return Foretold(retry=_retry(release))
    awaits = "await_approval" in release.pause_reasons
    return Foretold(
        approve=_approve(program) if awaits else "",
        reject=f"The release ends as rolled back: {_back(release)}" if awaits else "",
        resume=_resume(release),
        go_on="" if awaits else _go_on(release, program),
        promote_fully=_promote_fully(release, program, awaits=awaits),
        pause=_pause(release),
        abort=_abort(release),
    )


def _approve(program: Sequence[ProgramStep]) -> str:
    return f"{_then(program)} Your name, the role and the reason are written down with the approval."


def _resume(release: Release) -> str:
    if not set(release.pause_reasons) - {"await_approval"}:
        return ""
    why = " and ".join(words(reason) for reason in release.pause_reasons)
    return f"The release, paused for {why}, goes on from where it stands; the soak continues with the time it had left."


def _go_on(release: Release, program: Sequence[ProgramStep]) -> str:
    if release.phase != "progressing":
        return ""
    kind = _kind(release)
    if kind == "decide":
        return (
            "The experiment ends now: the leading arm is promoted though it is not surely better. Without data about "
            "every arm nothing is decided, and the release waits."
        )
    if kind == "interleave":
        return f"The experiment ends now: {short(release.version)} is promoted, whatever the votes say."
    if release.finishes and kind == "mirror":
        return "The mirror ends now and is judged with the pairs there are; nothing is promoted."
    return (
        "The soak of this step ends now. A guardrail that fails still takes the release back; what is undecided is "
        f"let pass. {_then(program)}"
    )


def _promote_fully(release: Release, program: Sequence[ProgramStep], *, awaits: bool) -> str:
    if release.phase != "progressing" or all(step.kind != "promote" for step in program):
        return ""
    who = "the leading arm" if _kind(release) == "decide" else short(release.version)
    first = "Once the approval is given, every" if awaits else "Every"
    return f"{first} further soak is skipped: {who} gets all traffic and must hold through the bake. Hard limits stay armed."


def _pause(release: Release) -> str:
    if release.phase not in _FORWARD or "manual" in release.pause_reasons:
        return ""
    kept = f"{short(release.version)} keeps its {share(release.weights.get(release.version, 0))} of traffic"
    still = "The release stays paused, also when what it waits for has come: " if release.pause_reasons else ""
    return f"{still}{kept} and goes no further until somebody resumes. Guardrails stay armed and can still roll back."


def _abort(release: Release) -> str:
    if release.phase == "rolling_back":
        return ""
    return f"{_back(release)} {_FINAL}"


def _retry(release: Release) -> str:
    if release.phase not in ("rolled_back", "rejected"):
        return ""
    return "The release starts again from its probes, with fresh evidence. A reason is needed."


def _back(release: Release) -> str:
    if release.stable is None:
        return "The service has no other version, so its users get errors until the next release."
    return f"All new traffic goes to {short(release.stable)} at once, and requests under way may finish."


def _kind(release: Release) -> str:
    return release.program[release.step].get("kind", "") if release.step < len(release.program) else ""


def _then(program: Sequence[ProgramStep]) -> str:
    following = next((step.title for step in program if step.state == "next"), None)
    return f"Next comes: {following}." if following else "No further step follows."
