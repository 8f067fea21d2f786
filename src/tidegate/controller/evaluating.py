"""Runs a suite of a service against a version when somebody asks, and records what every gate says.

What is under way lives in this process: when it stops, its evaluations end without an answer, which readers see once
their time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.controller.gates.asking import Gate, Question
from tidegate.controller.gates.running import asked
from tidegate.controller.programs import ProgramSettings, programs_disabled, split_command
from tidegate.delivery.gate_spec import GateSpec, gate_name
from tidegate.delivery.gates import GateResult
from tidegate.delivery.version import parse_reference
from tidegate.documents import nearest_and_all
from tidegate.errors import ConflictError, NotFoundError
from tidegate.registry import audit
from tidegate.registry.database import Database
from tidegate.registry.evaluations import (
    Evaluation,
    answered,
    get_evaluation,
    list_evaluations,
    put_evaluation,
)
from tidegate.registry.identifiers import new_id
from tidegate.registry.services import get_service
from tidegate.registry.versions import resolve
from tidegate.shapes import evaluations as shapes

_LOG = structlog.get_logger("tidegate.evaluating")
_GRACE = timedelta(seconds=60)
_MOST = 8  # under way at once in this process


class Evaluating:
    """Starts evaluations, and tells of all of them.

    Args:
        kinds: the adapters by kind.
        gateway: address of a gateway, "" without one.
    """

    def __init__(
        self,
        state: Database,
        clock: Clock,
        kinds: Mapping[str, Gate],
        programs: ProgramSettings,
        gateway: Callable[[], str],
    ) -> None:
        self._state = state
        self._clock = clock
        self._kinds = kinds
        self._programs = programs
        self._gateway = gateway
        self._running: dict[str, asyncio.Task[None]] = {}

    async def begin(self, connection: AsyncConnection, reference: str, suite: str, *, actor: str) -> shapes.Evaluation:
        """Note that a suite is asked about a version; :meth:`carry_out` it once that is committed.

        Raises:
            NotFoundError: no such version, or its service has no such suite.
            InvalidInputError: the suite names a program, and this installation runs none.
            ConflictError: too many are under way here.
        """
        found = await resolve(connection, parse_reference(reference))
        spec = suite_of((await get_service(connection, found.service)).spec.suites, found.service, suite)
        if spec.command is not None:
            if not self._programs.is_enabled:
                raise programs_disabled()
            split_command(spec.command)
        if len(self._running) >= _MOST:
            raise ConflictError(
                f"{_MOST} evaluations are under way here", code="too_many_evaluations", remedy="wait for one to end"
            )
        evaluation = self._new(found.service, found.ref, suite, spec, actor=actor)
        await put_evaluation(connection, evaluation)
        detail = {"suite": suite, "version": found.ref}
        await audit.append(connection, actor, "evaluation.started", evaluation.id, detail, evaluation.started_at)
        return self._shown(evaluation)

    async def carry_out(self, identifier: str) -> None:
        """Ask in the background, unless that is under way or was answered."""
        async with self._state.read() as connection:
            evaluation = await get_evaluation(connection, identifier)
            service = await get_service(connection, evaluation.service)
        if evaluation.ended_at is not None or identifier in self._running:
            return
        spec = suite_of(service.spec.suites, service.name, evaluation.name)
        question = Question(
            key=evaluation.key,
            spec=spec,
            number=0,
            service=evaluation.service,
            version=evaluation.version,
            stable=service.stable or "",
            release="",
            attempt=0,
            gateway=self._gateway(),
        )
        task = asyncio.create_task(self._run(evaluation, question), name=f"evaluation-{identifier}")
        self._running[identifier] = task
        task.add_done_callback(lambda _: self._running.pop(identifier, None))

    async def record(self, question: Question, result: GateResult) -> None:
        """Attach what a release's gate said to the version; a failure to do so changes nothing for the release."""
        began = result.started_at or self._clock.now()
        name = gate_name(question.spec, question.number)
        fresh = self._new(question.service, question.version, name, question.spec, actor="tidegate", at=began)
        known = msgspec.structs.replace(fresh, key=question.key, release=question.release, attempt=question.attempt)
        try:
            await self._put(answered(known, result, result.ended_at or self._clock.now()))
        except Exception as error:
            _LOG.warning("evaluation_unrecorded", key=question.key, error=str(error))

    async def evaluation(self, identifier: str) -> shapes.Evaluation:
        """One of them.

        Raises:
            NotFoundError: there is none.
        """
        async with self._state.read() as connection:
            return self._shown(await get_evaluation(connection, identifier))

    async def evaluations(
        self, service: str | None, version: str | None, *, before: str | None, limit: int
    ) -> list[shapes.Evaluation]:
        """Newest first, of everything, a service, or a version."""
        async with self._state.read() as connection:
            found = await list_evaluations(connection, service=service, version=version, before=before, limit=limit)
        return [self._shown(each) for each in found]

    async def settle(self) -> None:
        """Wait for every answer that is under way."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def stop(self) -> None:
        """End everything that is under way."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, evaluation: Evaluation, question: Question) -> None:
        result = await asked(self._kinds, self._clock, question)
        await self._put(answered(evaluation, result, self._clock.now()))

    async def _put(self, evaluation: Evaluation) -> None:
        async def change(connection: AsyncConnection) -> None:
            await put_evaluation(connection, evaluation)

        await self._state.transact(change)

    def _new(
        self, service: str, version: str, name: str, spec: GateSpec, *, actor: str, at: datetime | None = None
    ) -> Evaluation:
        now = at or self._clock.now()
        identifier = new_id("evl", now)
        return Evaluation(
            id=identifier,
            key=identifier,
            service=service,
            version=version,
            name=name,
            kind=spec.kind,
            release="",
            attempt=0,
            actor=actor,
            started_at=now,
            expires_at=now + timedelta(seconds=spec.timeout) + _GRACE,
        )

    def _shown(self, found: Evaluation) -> shapes.Evaluation:
        is_open = found.ended_at is None
        is_lost = is_open and self._clock.now() >= found.expires_at
        own = {name: getattr(found, name) for name in shapes.Evaluation.__struct_fields__ if name != "is_under_way"}
        if is_lost:
            sentence = "nothing was learnt: control stopped while it was under way"
            own |= {"verdict": "no_data", "code": "gate_unanswered", "sentence": sentence}
        return shapes.Evaluation(**own, is_under_way=is_open and not is_lost)


def suite_of(suites: Mapping[str, GateSpec], service: str, name: str) -> GateSpec:
    """The suite of that name.

    Raises:
        NotFoundError: the service has none; the remedy names what it has.
    """
    if name in suites:
        return suites[name]
    remedy = nearest_and_all(name, [*suites]) if suites else "add it under suites of the service"
    raise NotFoundError(f"{service} has no suite {name!r}", code="unknown_suite", remedy=remedy)
