"""Runs gates in the background, one question at a time for each release, and remembers answers until they are committed.

A crash forgets what was asked; the next leader asks again, under the same key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from tidegate.controller.clock import Clock
from tidegate.controller.gates.asking import Gate, Question
from tidegate.delivery.gates import GateReport, GateResult, judge_gate

_LOG = structlog.get_logger("tidegate.gates")


class Gates:
    """Asks, judges and keeps the answers.

    Args:
        kinds: the adapters by kind.
        wake: makes the controller look at once.
        record: attaches an answer to its version; the release does not depend on it.
    """

    def __init__(
        self,
        kinds: Mapping[str, Gate],
        clock: Clock,
        wake: Callable[[], None],
        record: Callable[[Question, GateResult], Awaitable[None]],
    ) -> None:
        self._kinds = dict(kinds)
        self._record = record
        self._clock = clock
        self._wake = wake
        self._asking: dict[str, dict[str, asyncio.Task[None]]] = {}  # by release, by key
        self._answers: dict[str, list[GateResult]] = {}

    def answers_of(self, release: str) -> tuple[GateResult, ...]:
        """What was answered about a release since this process asks."""
        return tuple(self._answers.get(release, ()))

    def ask(self, question: Question) -> None:
        """Begin to ask, unless that is under way; returns at once."""
        asking = self._asking.setdefault(question.release, {})
        if question.key not in asking:
            asking[question.key] = asyncio.create_task(self._ask(question), name=f"gate-{question.key}")

    def forget(self, release: str) -> None:
        """Nobody needs an answer any more: what is under way is ended, with the programs it started."""
        for task in self._asking.pop(release, {}).values():
            task.cancel()
        self._answers.pop(release, None)

    def forget_all(self) -> None:
        """The same for every release: another process leads."""
        for release in list(self._asking):
            self.forget(release)

    async def settle(self) -> None:
        """Wait for every answer that is under way."""
        while tasks := [task for asking in self._asking.values() for task in asking.values() if not task.done()]:
            await asyncio.wait(tasks)

    async def stop(self) -> None:
        """End everything that is under way."""
        tasks = [task for asking in self._asking.values() for task in asking.values()]
        self.forget_all()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, question: Question) -> None:
        result = await asked(self._kinds, self._clock, question)
        self._answers.setdefault(question.release, []).append(result)
        self._wake()
        await self._record(question, result)


async def asked(kinds: Mapping[str, Gate], clock: Clock, question: Question) -> GateResult:
    """What a gate says, judged; one that fails itself has told nothing."""
    began = clock.now()
    try:
        report = await kinds[question.spec.kind].ask(question)
    except Exception as error:  # an adapter's bug is no evidence against a candidate
        _LOG.error("gate_crashed", key=question.key, error=repr(error))
        report = GateReport(is_success=False, ended=f"the gate itself failed: {error!r}", is_known=False)
    verdict, code, sentence = judge_gate(question.spec, report)
    return GateResult(
        gate=question.number,
        version=question.version,
        attempt=question.attempt,
        verdict=verdict,
        code=code,
        sentence=sentence,
        score=report.score,
        samples=report.samples,
        excerpt=report.excerpt,
        started_at=began,
        ended_at=clock.now(),
    )
