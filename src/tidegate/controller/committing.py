"""Commits one decision: state, audit rows, records, outbox rows, consumed intents and the new revision in one
transaction, behind the leader's fence and the release's compare-and-swap. All of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.gathering import Case
from tidegate.delivery.commands import (
    CloseIncident,
    CommitStable,
    Notify,
    OpenIncident,
    SwapBack,
    WriteRouting,
)
from tidegate.delivery.decision import Decision, TransitionRecord
from tidegate.delivery.release import Phase, ReleaseState
from tidegate.registry import audit, incidents, outbox
from tidegate.registry.cluster import bump_revision, fence
from tidegate.registry.releases import ReleaseRow, consume_intents, list_releases, save_state
from tidegate.registry.services import get_service, set_stable
from tidegate.registry.versions import mark_unstable

_OF_PEOPLE = frozenset({"approval_timeout", "deadline", "paused_too_long"})
"""Triggers that tell of people's time, and nothing of the version."""


class Hearers(Protocol):
    """Names the sinks that hear of something."""

    @property
    def everything(self) -> tuple[str, ...]:
        """Those that hear of each transition."""

    def of_event(self, row: ReleaseRow, event: str) -> tuple[str, ...]:
        """Those that hear of an event of a release."""


class Lead(msgspec.Struct, frozen=True):
    """In whose name is written: the leader and its epoch."""

    leader: str
    epoch: int


async def commit_decision(
    connection: AsyncConnection, lead: Lead, case: Case, decision: Decision, *, hearers: Hearers, now: datetime
) -> ReleaseRow:
    """Write one decision.

    Raises:
        StaleLeaderError: another process leads; nothing is written.
        ReleaseChangedError: the release is not what the decision was made on; nothing is written.
    """
    await fence(connection, lead.leader, lead.epoch)
    row = await save_state(connection, case.row, decision.state)
    await consume_intents(connection, [intent.id for intent in case.intents], now)
    for transition in decision.transitions:
        await _record(connection, row, transition, hearers.everything)
    for command in decision.commands:
        await _write_record(connection, case, row, command, hearers)
    await record_time_to_stable(connection, case.row, decision.state)
    if decision.transitions and any(isinstance(command, WriteRouting) for command in decision.commands):
        await bump_revision(connection)
    return row


async def _record(
    connection: AsyncConnection, row: ReleaseRow, transition: TransitionRecord, sinks: Sequence[str]
) -> None:
    detail = _transition_detail(row, transition)
    action = f"release.{transition.code}"
    head = await audit.append(connection, transition.actor, action, row.id, detail, transition.at)
    payload = {"release": row.id, "actor": transition.actor, "audit_seq": head.seq, "audit_hash": head.hash, **detail}
    await outbox.put(
        connection, sinks=sinks, event=action, payload=payload, dedupe_key=f"audit/{head.seq}", now=transition.at
    )


def _transition_detail(row: ReleaseRow, transition: TransitionRecord) -> dict[str, Any]:
    told = {
        "number": transition.number,
        "sentence": transition.sentence,
        "service": row.service,
        "version": row.candidate,
        "from": _place(transition.source, transition.source_sub_phase),
        "to": _place(transition.target, transition.target_sub_phase),
        "attempt": transition.attempt,
        "step": transition.step,
        "reason": transition.reason,
        "intent": transition.intent,
        "facts": transition.detail,
    }
    return {name: value for name, value in told.items() if value not in ("", None, {})}


def _place(phase: str, sub_phase: str | None) -> str:
    return str(phase) if sub_phase is None else f"{phase}.{sub_phase}"


async def _write_record(
    connection: AsyncConnection, case: Case, row: ReleaseRow, command: msgspec.Struct, hearers: Hearers
) -> None:
    match command:
        case CommitStable(service=service, stable=stable, previous=previous):
            await mark_unstable(connection, stable, None)
            await set_stable(
                connection, await get_service(connection, service), stable=stable, previous_stable=previous
            )
        case SwapBack(service=service, stable=stable):
            await _swap_back(connection, service, stable)
        case OpenIncident():
            await _open_incident(connection, case, command)
        case CloseIncident():
            await _close_incident(connection, row, command)
        case Notify():
            await outbox.put(
                connection,
                sinks=hearers.of_event(row, command.event),
                event=f"notify.{command.event}",
                payload=_event_payload(row, command),
                dedupe_key=command.key,
                now=command.at,
            )
        case _:
            return


def _event_payload(row: ReleaseRow, command: Notify) -> dict[str, Any]:
    state = row.state
    told = {
        "release": row.id,
        "service": row.service,
        "version": row.candidate,
        "stable": state.stable,
        "attempt": state.attempt,
        "phase": str(row.phase),
        "sentence": command.sentence,
        "at": command.at.isoformat(),
        "trigger": state.breach.trigger if state.breach else None,
        "is_automatic": state.breach.opens_incident if state.breach else None,
        "time_to_stable_seconds": state.time_to_stable.total_seconds() if state.time_to_stable else None,
    }
    return {name: value for name, value in told.items() if value is not None}


async def _swap_back(connection: AsyncConnection, service: str, stable: str) -> None:
    """The pointers as they were: what was before ``stable`` is what its own release came from."""
    found = await get_service(connection, service)
    earlier = await list_releases(connection, service=service, candidate=stable, limit=20)
    came_from = next((row.state.stable for row in earlier if row.phase is Phase.SUCCEEDED), None)
    await set_stable(connection, found, stable=stable, previous_stable=came_from)


async def _open_incident(connection: AsyncConnection, case: Case, command: OpenIncident) -> None:
    facts = case.facts
    evidence = {
        "verdicts": msgspec.to_builtins(command.evidence),
        "judged": msgspec.to_builtins(case.row.state.verdicts),
        "weights": case.row.state.weights,
        "step": case.row.state.step,
        "cutoffs": msgspec.to_builtins([cutoff for cutoff in facts.cutoffs if cutoff.release == command.release]),
        "counts": msgspec.to_builtins(facts.counts),
        "gateways": msgspec.to_builtins(facts.gateways),
    }
    await incidents.open_incident(
        connection,
        service=command.service,
        release=command.release,
        attempt=command.attempt,
        variant=command.variant,
        trigger=command.trigger,
        summary=command.summary,
        evidence=evidence,
        exposed_requests=command.exposed_requests,
        exposed_units=command.exposed_units,
        now=command.at,
    )
    if command.trigger not in _OF_PEOPLE:
        await mark_unstable(connection, command.version, command.summary)


async def _close_incident(connection: AsyncConnection, row: ReleaseRow, command: CloseIncident) -> None:
    found = await incidents.of_attempt(connection, row.id, command.attempt, command.variant)
    if found is not None:
        await incidents.record_time_to_stable(connection, found.id, command.time_to_stable_seconds)
        await incidents.close_incident(
            connection,
            found.id,
            now=command.at,
            exposed_requests=command.exposed_requests,
            exposed_units=command.exposed_units,
            timeline=command.timeline,
        )


async def record_time_to_stable(connection: AsyncConnection, before: ReleaseRow, state: ReleaseState) -> None:
    """Tell the incident as soon as every gateway serves stable again, though requests are still under way."""
    took = state.time_to_stable
    if took is None or before.state.stable_at is not None:
        return
    found = await incidents.of_attempt(connection, before.id, state.attempt)
    if found is not None:
        await incidents.record_time_to_stable(connection, found.id, took.total_seconds())
