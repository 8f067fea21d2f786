"""Asks the sources of running releases in the background: a pass of the controller takes what is there and never waits.

Each source of each release is asked by itself, once in its interval, under its own time limit; one that hangs keeps
nobody waiting but itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import httpx2
import structlog

from tidegate.controller.clock import Clock
from tidegate.delivery.drift import Behaviour
from tidegate.delivery.evidence.readings import Reading, source_key
from tidegate.delivery.release import STABLE, Phase, ReleaseState
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.delivery.strategy import compile_program
from tidegate.errors import InvalidInputError, TidegateError
from tidegate.metrics.kinds import source_of
from tidegate.metrics.settings import MetricsSettings
from tidegate.metrics.source import NoValueError, Source, Subject, Tools

_LOG = structlog.get_logger("tidegate.measuring")
_WATCHED = frozenset({Phase.PROGRESSING, Phase.PROMOTING, Phase.DRAINING})
_LEAST_WINDOW = 60
_LEAST_INTERVAL = timedelta(seconds=1)

_Key = tuple[str, int, str, str]  # release, attempt, source, variant


class _Wanted(NamedTuple):
    """One number that a release needs."""

    key: _Key
    guardrail: GuardrailSpec
    subject: Subject


class Measurer:
    """The latest reading of every source of every running release.

    Args:
        settings: what sources may use.
        behaviour: how a version behaved on its first day and lately.
    """

    def __init__(
        self,
        clock: Clock,
        settings: MetricsSettings,
        behaviour: Callable[[str, str], Awaitable[Behaviour | None]],
    ) -> None:
        self._clock = clock
        self._tools = Tools(httpx2.AsyncClient(trust_env=False), settings, behaviour)
        self._sources: dict[str, Source] = {}
        self._readings: dict[_Key, Reading] = {}
        self._asked_at: dict[_Key, datetime] = {}
        self._asking: dict[_Key, asyncio.Task[None]] = {}

    def check(self, spec: ReleaseSpec) -> None:
        """Refuse what no source can be made of, when the release is submitted.

        Raises:
            InvalidInputError: with the place in the release.
        """
        for name in ("guardrails", "objectives"):
            for index, guardrail in enumerate(getattr(spec, name)):
                if guardrail.source is not None:
                    self._check(guardrail, f"{name}[{index}]")

    def _check(self, guardrail: GuardrailSpec, place: str) -> None:
        try:
            source = source_of(guardrail.source or {}, self._tools)
            if guardrail.needs_stable and not source.tells_variants:
                raise InvalidInputError(
                    "the rule compares with stable, and the source tells the same of every variant",
                    remedy="name {variant} or {version} in it",
                )
        except InvalidInputError as error:
            where = f"{place}.{error.where or 'source'}"
            raise InvalidInputError(error.message, code=error.code, where=where, remedy=error.remedy) from None

    def readings(self, release: str, spec: ReleaseSpec, state: ReleaseState) -> tuple[Reading, ...]:
        """What is known now of the release's sources; those that are due are asked meanwhile."""
        if state.phase not in _WATCHED or all(g.source is None for g in (*spec.guardrails, *spec.objectives)):
            return ()
        now, interval = self._clock.now(), max(_LEAST_INTERVAL, _interval(spec, state))
        wanted = self._wanted(release, spec, state, now)
        for each in wanted:
            asked_at = self._asked_at.get(each.key)
            if each.key not in self._asking and (asked_at is None or not asked_at <= now < asked_at + interval):
                self._asked_at[each.key] = now
                task = asyncio.create_task(self._ask(each), name=f"source of {release}")
                self._asking[each.key] = task
        return tuple(self._readings[each.key] for each in wanted if each.key in self._readings)

    def forget(self, release: str) -> None:
        """The release needs no numbers any more."""
        for task in [task for key, task in self._asking.items() if key[0] == release]:
            task.cancel()
        for known in (self._readings, self._asked_at):
            for key in [key for key in known if key[0] == release]:
                del known[key]

    async def settle(self) -> None:
        """Wait until everybody who was asked has answered or was given up."""
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def stop(self) -> None:
        """Ask nobody any more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._tools.client.aclose()

    def _wanted(self, release: str, spec: ReleaseSpec, state: ReleaseState, now: datetime) -> list[_Wanted]:
        opened = state.window_opened_at or now
        window = max(_LEAST_WINDOW, round((now - opened).total_seconds()))
        found = []
        for guardrail in (*spec.guardrails, *spec.objectives):
            if guardrail.source is None:
                continue
            for variant, version in _versions(state, guardrail.needs_stable).items():
                key = (release, state.attempt, source_key(guardrail), variant)
                found.append(_Wanted(key, guardrail, Subject(state.service, version, variant, window)))
        return found

    async def _ask(self, wanted: _Wanted) -> None:
        key = wanted.key
        try:
            value, detail = await self._value(wanted)
            self._readings[key] = Reading(
                source=key[2], variant=key[3], at=self._clock.now(), value=value, detail=detail
            )
        finally:
            self._asking.pop(key, None)

    async def _value(self, wanted: _Wanted) -> tuple[float | None, str]:
        try:
            source = self._source(wanted.key[2], wanted.guardrail)
            async with asyncio.timeout(source.timeout):
                return await source.read(wanted.subject), ""
        except NoValueError as error:
            return None, str(error)
        except TimeoutError:
            return None, "the source did not answer in time"
        except TidegateError as error:
            return None, str(error)
        except Exception as error:  # a source, perhaps of a plug-in, must not end the watch
            _LOG.warning("source_failed", release=wanted.key[0], error=repr(error))
            return None, f"the source failed with {type(error).__name__}"

    def _source(self, key: str, guardrail: GuardrailSpec) -> Source:
        assert guardrail.source is not None
        if key not in self._sources:
            self._sources[key] = source_of(guardrail.source, self._tools)
        return self._sources[key]


def _versions(state: ReleaseState, with_stable: bool) -> Mapping[str, str]:
    """The variants whose numbers are needed, and their versions."""
    beside = {STABLE: state.stable} if with_stable and state.stable else {}
    return {**beside, **state.arms}


def _interval(spec: ReleaseSpec, state: ReleaseState) -> timedelta:
    declared = spec.analysis.interval
    own = compile_program(spec.strategy).criteria_at(state.step).interval
    return timedelta(seconds=own if declared is None else declared)
