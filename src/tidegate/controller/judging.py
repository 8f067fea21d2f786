"""Asks judges about kept answers of running releases, in the background: bounded in number, rate and money.

A judge is asked through a gateway like any client, with a key of control's own. Whatever goes wrong (no gateway, an
error, an answer that is no verdict, no budget left, another version of the judge than the one that began) means that
nothing is counted: a judge that fails is *no data*, and no data never passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

import httpx2
import mmh3
import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.judges_of_releases import judges_of
from tidegate.controller.probe import OwnCredential, choose_gateway, origin_of
from tidegate.delivery.judging import (
    Budget,
    JudgeSpec,
    NoVerdictError,
    Question,
    candidate_score,
    read_preference,
    read_score,
    request_body,
)
from tidegate.delivery.observation import Observation
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.registry.crediting import credited
from tidegate.registry.database import Database
from tidegate.registry.judgements import Judgement, Unjudged, keep_judgement, pinned_version, spent_since, unjudged
from tidegate.registry.judges import list_judges
from tidegate.registry.observations import Counts
from tidegate.registry.releases import ReleaseRow, active_releases
from tidegate.registry.requests import FoundCounts

EVERY_SECONDS = 2.0
AT_ONCE = 4  # questions under way
_AMONG = 500  # kept texts looked at in a pass
_REMEMBERED = 20_000  # requests that were asked about in vain, not asked about again by this process
_ASK_SECONDS = 60.0
_ROW = msgspec.json.Decoder(Observation)
_PAIR = msgspec.json.Decoder(PairRecord)

_LOG = structlog.get_logger("tidegate.judging")


class Task(NamedTuple):
    """One request to be judged for one release."""

    name: str
    spec: JudgeSpec
    release: ReleaseRow
    found: Unjudged


class JudgeStanding(NamedTuple):
    """How a judge fares in this process.

    Attributes:
        failed: questions that came to no verdict.
        problem: of the last one, and why nothing is judged now; ``""`` while all is well.
    """

    failed: int = 0
    problem: str = ""


class Judging:
    """The worker; only the leader asks.

    Args:
        state, observed: the databases.
        client: an HTTP client; closed by its owner.
        credential: of control's own requests to judges.
    """

    def __init__(
        self,
        state: Database,
        observed: Database,
        clock: Clock,
        client: httpx2.AsyncClient,
        credential: OwnCredential,
        gateways: GatewayRegistry,
        *,
        is_leading: Callable[[], bool] = lambda: True,
    ) -> None:
        self._state = state
        self._observed = observed
        self._clock = clock
        self._client = client
        self._credential = credential
        self._gateways = gateways
        self._is_leading = is_leading
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._vain: dict[tuple[str, str], None] = {}
        self._asked = 0
        self.standings: dict[str, JudgeStanding] = {}

    async def run(self) -> None:
        """Judge until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                if self._is_leading():
                    await self.judge()
            except Exception as error:
                _LOG.warning("judging_failed", error=repr(error))

    async def judge(self) -> int:
        """One pass; returns how many verdicts were counted."""
        async with self._state.read() as connection:
            judges = await list_judges(connection)
            releases = [row for row in await active_releases(connection) if row.phase.is_running] if judges else []
        tasks = [
            task for row in releases for name in judges_of(row.spec) for task in await self._tasks(row, name, judges)
        ]
        return sum(await asyncio.gather(*(self._judge_one(task) for task in tasks)))

    async def _tasks(self, row: ReleaseRow, name: str, judges: Mapping[str, JudgeSpec]) -> list[Task]:
        spec = judges.get(name)
        if spec is None:
            return []
        if not await self._can_afford(name, spec):
            return []
        began_before = self._clock.now() - timedelta(seconds=float(spec.lag))
        async with self._observed.read() as connection:
            found = await unjudged(
                connection,
                name,
                row.id,
                began_before_us=int(began_before.timestamp() * 1_000_000),
                is_pair=spec.mode == "pairwise",
                among=_AMONG,
            )
        wanted = (each for each in found if is_sampled(each.kept.request_id, name, spec.sample))
        fresh = [each for each in wanted if (name, each.kept.request_id) not in self._vain]
        return [Task(name, spec, row, each) for each in fresh[: 5 * AT_ONCE]]

    async def _can_afford(self, name: str, spec: JudgeSpec) -> bool:
        """Whether something of today's budget is left; what has no known cost cannot be bounded."""
        if spec.budget is None:
            return True
        midnight = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        async with self._observed.read() as connection:
            spent, unknown = await spent_since(connection, spec.service, int(midnight.timestamp() * 1_000_000))
        problem = ""
        if unknown:
            problem = f"the cost of {unknown} requests to {spec.service} is unknown; give its model a price"
        elif spent >= Budget(spec.budget).nano_usd:
            problem = f"the budget of {spec.budget} is spent"
        standing = self.standings.get(name, JudgeStanding())
        self.standings[name] = standing._replace(problem=problem)
        return not problem

    async def _judge_one(self, task: Task) -> bool:
        """Whether the request was judged and counted."""
        try:
            async with self._gate:
                said = await self._asked_about(task)
                return await self._kept(task, said)
        except NoVerdictError as error:
            self._in_vain(task, str(error))
            return False

    async def _asked_about(self, task: Task) -> Judgement:
        """The verdict on one request.

        Raises:
            NoVerdictError: there is none.
        """
        found, spec, now_us = task.found, task.spec, int(self._clock.now().timestamp() * 1_000_000)
        row, counted = _ROW.decode(found.row), Counts(found.counted)
        if spec.mode == "score":
            text, version = await self._ask(spec, Question(found.kept.prompt, (found.kept.answer,)))
            return Judgement(row, counted, task.name, version, now_us, read_score(text))
        assert found.pair is not None
        assert found.copied_answer is not None
        answers = found.copied_answer, found.kept.answer
        first, version = await self._ask(spec, Question(found.kept.prompt, answers))
        second, other = await self._ask(spec, Question(found.kept.prompt, answers[::-1]))
        if version != other:
            raise NoVerdictError(f"{version} and {other} judged one pair")
        orders = read_preference(first), read_preference(second)
        candidate = _PAIR.decode(found.pair).candidate
        part = Counts.EARLY if counted is Counts.EARLY else Counts.WINDOW
        return Judgement(candidate, part, task.name, version, now_us, candidate_score(*orders), *map(str, orders))

    async def _kept(self, task: Task, said: Judgement) -> bool:
        async def keep(connection: AsyncConnection) -> str | None:
            pinned = await pinned_version(connection, said.judge, said.row.release, said.row.attempt)
            if pinned is not None and pinned != said.judge_version:
                return pinned
            (place,) = await credited(connection, [FoundCounts(said.row, said.counted)])
            await keep_judgement(connection, said._replace(row=place.observation, counted=Counts(place.counted)))
            return None

        pinned = await self._observed.transact(keep)
        if pinned is not None:
            raise NoVerdictError(f"{pinned} judges this attempt, and {said.judge_version} answered")
        standing = self.standings.get(task.name, JudgeStanding())
        self.standings[task.name] = standing._replace(problem="")
        return True

    async def _ask(self, spec: JudgeSpec, question: Question) -> tuple[str, str]:
        """The judge's text and its version.

        Raises:
            NoVerdictError: nobody answered, or not as a judge.
        """
        self._asked += 1
        address = choose_gateway([view.heartbeat.address for view in self._gateways.reachable()], self._asked)
        if address is None:
            raise NoVerdictError("no gateway is reachable")
        try:
            response = await self._client.post(
                f"{origin_of(address)}/v1/chat/completions",
                content=msgspec.json.encode(request_body(spec, question)),
                headers={"authorization": f"Bearer {self._credential.secret}", "content-type": "application/json"},
                timeout=httpx2.Timeout(_ASK_SECONDS),
            )
        except httpx2.HTTPError as error:
            raise NoVerdictError(f"the gateway at {address} did not answer: {error!r}") from error
        if not response.is_success:
            raise NoVerdictError(f"{spec.service} answered {response.status_code}")
        try:
            text = msgspec.json.decode(response.content)["choices"][0]["message"]["content"]
        except (msgspec.DecodeError, LookupError, TypeError) as error:
            raise NoVerdictError(f"the answer of {spec.service} is not whole") from error
        return str(text), response.headers.get("x-tidegate-version", "")

    def _in_vain(self, task: Task, problem: str) -> None:
        self._vain[task.name, task.found.kept.request_id] = None
        while len(self._vain) > _REMEMBERED:
            del self._vain[next(iter(self._vain))]
        standing = self.standings.get(task.name, JudgeStanding())
        self.standings[task.name] = JudgeStanding(standing.failed + 1, problem)
        _LOG.info("no_verdict", judge=task.name, request_id=task.found.kept.request_id, problem=problem)


def is_sampled(request_id: str, judge: str, share: float) -> bool:
    """Whether a judge is asked about the request; the same for everybody who asks."""
    point: int = mmh3.hash(f"{judge}:{request_id}", signed=False)
    return (point * TOTAL_WEIGHT) >> 32 < round(share * TOTAL_WEIGHT)
