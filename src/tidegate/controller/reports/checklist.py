"""The deployment checklist of a release, each point from the real state: before, during, after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.reports.explaining import describe_step
from tidegate.controller.reports.wording import duration, instant, share
from tidegate.delivery.evidence.metrics import metric_name
from tidegate.registry import incidents
from tidegate.registry.freezes import Freeze, freeze_of
from tidegate.registry.incidents import Incident
from tidegate.registry.releases import ReleaseRow
from tidegate.registry.versions import Version, get_version
from tidegate.shapes.operations import Checklist, ChecklistItem
from tidegate.shapes.releases import Release

When = Literal["before", "during", "after"]
ItemStanding = Literal["done", "open", "failed", "not_needed"]
_STARTED = frozenset({"gating", "progressing", "promoting", "draining", "succeeded", "rolling_back", "rolled_back"})
_PROMOTED = frozenset({"draining", "succeeded"})
_TAKEN_BACK = frozenset({"rolling_back", "rolled_back", "superseded"})


async def read_checklist(connection: AsyncConnection, row: ReleaseRow, view: Release) -> Checklist:
    """Look at everything that the points speak of, and tell it."""
    version = await get_version(connection, row.candidate)
    held = await freeze_of(connection, row.service)
    incident = await incidents.of_attempt(connection, row.id, row.state.attempt)
    items = (*_before(row, view, version, held), *_during(view), *_after(view, version, incident))
    return Checklist(release=view.id, service=view.service, version=view.version, items=items)


def _before(row: ReleaseRow, view: Release, version: Version, held: Freeze | None) -> Iterator[ChecklistItem]:
    point = _points("before")
    yield point("The version is registered and immutable", "done", f"sha256:{version.digest}")
    card = version.bundle.card
    yield point("A model card describes it", "done" if card else "open", "" if card else "add card.md to the bundle")
    yield point(
        "There is a version to return to",
        "done" if view.stable else "not_needed",
        view.stable or "it is the first version of its service",
    )
    watched = ", ".join(dict.fromkeys(metric_name(guardrail) for guardrail in row.spec.guardrails))
    yield point("Guardrails watch it", "done" if watched else "failed", watched)
    yield point(
        "It was not rolled back before",
        "done" if version.unstable is None or view.breach is not None else "open",
        version.unstable or "",
    )
    yield point(
        "Nothing is frozen", "done" if held is None else "open", "" if held is None else f"{held.actor}: {held.reason}"
    )
    for gate in view.gates:
        standing: ItemStanding = "open" if gate.verdict is None else "done" if gate.verdict == "pass" else "failed"
        yield point(f"{gate.name} passes", standing, gate.sentence or "not asked yet")
    probed = row.state.probe_samples
    yield point("Probes were answered before any user was served", _probed(row, view), f"{probed} answered")


def _probed(row: ReleaseRow, view: Release) -> ItemStanding:
    if row.state.probe_samples:
        return "done"
    return "failed" if view.phase == "rejected" else "open"


def _during(view: Release) -> Iterator[ChecklistItem]:
    point = _points("during")
    for number, step in enumerate(view.program):
        standing, detail = _step_standing(view, number)
        yield point(f"Step {number + 1}: {describe_step(step)}", standing, detail)
    if view.phase in _PROMOTED:
        yield point("The bake at 100 % passes", "done", "")
    elif view.phase == "promoting":
        yield point("The bake at 100 % passes", "open", _progress(view))
    else:
        yield point("The bake at 100 % passes", "not_needed" if not view.is_running else "open", "")
    actual = view.actual
    if actual is not None:
        told = f"{actual.current} of {actual.gateways} serve it"
        yield point("Every gateway serves the wanted routing", "open" if actual.lagging else "done", told)
    if view.is_running:
        paused = ", ".join(reason.replace("_", " ") for reason in view.pause_reasons)
        yield point("Nobody is waited for", "open" if paused else "done", paused)


def _step_standing(view: Release, number: int) -> tuple[ItemStanding, str]:
    is_beyond = view.phase in {"promoting", *_PROMOTED} or (view.phase == "progressing" and view.step > number)
    if is_beyond:
        return "done", _approved(view, number)
    if view.phase == "progressing" and view.step == number:
        return "open", _progress(view)
    if view.breach is not None and view.step == number and view.phase in _TAKEN_BACK:
        return "failed", view.breach.sentence
    if view.breach is not None and view.step > number and view.phase in _TAKEN_BACK:
        return "done", ""
    return ("open" if view.is_running else "not_needed"), ""


def _approved(view: Release, number: int) -> str:
    found = next((each for each in view.approvals if each.step == number), None)
    return "" if found is None else f"{found.actor} as {found.role}, {instant(found.at)}"


def _progress(view: Release) -> str:
    parts = [view.sub_phase or "", f"{view.samples} units"]
    if view.missing_samples:
        parts.append(f"{view.missing_samples} missing")
    if view.verdict:
        parts.append(view.verdict.replace("_", " "))
    return ", ".join(part for part in parts if part)


def _after(view: Release, version: Version, incident: Incident | None) -> Iterator[ChecklistItem]:
    point = _points("after")
    is_back = view.phase in _TAKEN_BACK
    if not is_back:
        promoted: ItemStanding = "done" if view.phase in _PROMOTED else "not_needed" if not view.is_running else "open"
        yield point("The candidate is the stable version", promoted, "")
        drained: ItemStanding = (
            "done" if view.phase == "succeeded" else "open" if view.phase == "draining" else promoted
        )
        yield point("Requests at the version before have ended", drained, "")
        return
    took = view.time_to_stable_seconds
    yield point(
        "Every gateway serves stable alone",
        "open" if took is None else "done",
        f"after {duration(took)}" if took else "",
    )
    yield point(
        "Requests at the candidate have ended",
        "done" if view.phase != "rolling_back" else "open",
        f"{share(view.weights.get(view.version, 0))} of new units",
    )
    if incident is None:
        yield point("An incident is recorded", "not_needed", "it was ended on request")
        return
    yield point("An incident is recorded", "done", incident.id)
    yield point("The version is marked unstable", "done" if version.unstable else "open", version.unstable or "")
    noted = len(incident.notes)
    hint = f"{noted} notes" if noted else f"`tidegate incidents note {incident.id} TEXT`"
    yield point("The post-mortem has notes", "done" if noted else "open", hint)


def _points(when: When) -> _Point:
    return _Point(when)


class _Point:
    def __init__(self, when: When) -> None:
        self._when = when

    def __call__(self, what: str, standing: ItemStanding, detail: str) -> ChecklistItem:
        return ChecklistItem(when=self._when, what=what, standing=standing, detail=detail)
