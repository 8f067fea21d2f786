"""Gateways that are played while answers are interleaved: pairs, alternating turns, and what users say of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import httpx2
import mmh3
import msgspec
from tests.fakes.observations import observation
from tests.fakes.pairs import pair
from tests.scenarios.played_gateway import PlayedGateway
from tests.scenarios.world import World

from tidegate.delivery.observation import Observation, ObservationBatch
from tidegate.delivery.pairs import PairRecord, copy_id
from tidegate.delivery.records import ContentRecord, FeedbackRecord, Record, RecordBatch, encode_record
from tidegate.delivery.snapshot import ServiceRoute
from tidegate.wire.prompt_text import Turn

Chooses = Callable[[random.Random, tuple[str, ...]], str | None]
"""Which variant a user prefers of those shown, in their order; ``None`` neither."""


def prefers(chance_of_candidate: float, *, ties: float = 0.0, first: float = 0.0) -> Chooses:
    """Users with a taste for the candidate, for neither, and for whatever stands first."""

    def choose(chance: random.Random, shown: tuple[str, ...]) -> str | None:
        if chance.random() < first:
            return shown[0]
        if chance.random() < ties:
            return None
        return "candidate" if chance.random() < chance_of_candidate else "stable"

    return choose


class Crowd:
    """Users of one gateway, a new conversation for each request unless told otherwise.

    Args:
        seed: of their choices.
    """

    def __init__(self, world: World, chooses: Chooses, *, seed: int = 1, gateway: int = 0) -> None:
        self.world = world
        self.gateway: PlayedGateway = world.gateways[gateway]
        self.chooses = chooses
        self.seed = seed
        self.chance = random.Random(seed)
        self.number = 0
        self.fails: Callable[[int], bool] = lambda _: False
        self.conversation: Callable[[int], int] = lambda number: number
        self.is_silent = False  # nobody says which answer was better

    def _route(self) -> ServiceRoute | None:
        assert self.gateway.snapshot is not None
        route = self.gateway.snapshot.services["bot"]
        return route if route.release is not None else None

    async def see_two(self, requests: int) -> None:
        """Requests whose clients can show two answers and say which was better."""
        route = self._route()
        if route is None or route.release is None or route.release.mirroring is None:
            return
        users: list[Observation] = []
        records: list[Record] = []
        for _ in range(requests):
            self.number += 1
            fields = self._fields(route, f"req_{self.gateway.name}_{self.number}")
            arm = route.variants[1]
            names = ("stable", arm.name)
            shown = names if self.chance.random() < 0.5 else names[::-1]
            theirs = {"variant": arm.name, "version": arm.version}
            if self.fails(self.number):
                theirs["outcome"] = "upstream_error"
            made = pair(theirs, {"version": route.variants[0].version}, **fields)
            users.append(made.stable)
            records.append(_shown(made, shown))
            if not self.is_silent:
                records.append(self._said(made.stable, shown))
        await self._send(users, records)

    async def be_judged(self, requests: int) -> None:
        """Copies whose texts are kept and which control's judge compares; whoever takes the first place makes a tie."""
        route = self._route()
        if route is None or route.release is None or route.release.mirroring is None:
            return
        users: list[Observation] = []
        records: list[Record] = []
        for _ in range(requests):
            self.number += 1
            fields = self._fields(route, f"req_{self.gateway.name}_{self.number}")
            theirs = {"version": route.variants[1].version}
            made = pair(theirs, {"version": route.variants[0].version}, **fields)
            users.append(made.stable)
            records += [made, _kept(made.stable), _kept(made.candidate, copy_id(made.stable.request_id))]
        self.world.judge = self._judge
        await self._send(users, records)
        while await self.world.control.judging.judge():
            pass

    def _judge(self, request: httpx2.Request) -> httpx2.Response:
        """A judge of this crowd's taste; what it says depends on the question alone, whenever it is asked."""
        asked = json.loads(json.loads(request.content)["messages"][1]["content"])
        shown = tuple(asked[place].partition(" ")[0] for place in ("first", "second"))
        choice = self.chooses(random.Random(f"{self.seed} {asked}"), shown)
        better = "neither" if choice is None else ("first", "second")[shown.index(choice)]
        message = {"role": "assistant", "content": json.dumps({"better": better})}
        headers = {"x-tidegate-version": "judge/v1.0.0-11111111"}
        return httpx2.Response(200, headers=headers, json={"choices": [{"message": message}]})

    async def take_turns(self, conversations: int, says: Callable[[random.Random, str], bool]) -> None:
        """Conversations of two turns, one of each version in random order, each with a yes or no."""
        route = self._route()
        if route is None or route.release is None or not route.release.alternates:
            return
        users: list[Observation] = []
        records: list[Record] = []
        for _ in range(conversations):
            self.number += 1
            order = route.variants if self.chance.random() < 0.5 else route.variants[::-1]
            for turn, variant in enumerate(order):
                fields = self._fields(route, f"req_{self.gateway.name}_{self.number}_{turn}")
                row = observation(
                    variant=variant.name, version=variant.version, served=variant.name, propensity=5_000, **fields
                )
                users.append(row)
                value = says(self.chance, variant.name)
                if not self.is_silent:
                    records.append(_feedback(row.request_id, "thumbs_up", value, row.started_at_us + 1))
        await self._send(users, records)

    def _fields(self, route: ServiceRoute, request_id: str) -> dict[str, object]:
        assert route.release is not None
        conversation = f"{self.gateway.name}-{self.conversation(self.number)}"
        return {
            "request_id": request_id,
            "service": "bot",
            "release": route.release.id,
            "attempt": route.release.attempt,
            "step": route.release.step,
            "started_at_us": int(self.world.clock.now().timestamp() * 1_000_000),
            "unit_hash": mmh3.hash64(conversation, signed=False)[0],
        }

    def _said(self, row: Observation, shown: tuple[str, ...]) -> FeedbackRecord:
        choice = self.chooses(self.chance, tuple("stable" if each == "stable" else "candidate" for each in shown))
        place = None if choice is None else [each != "stable" for each in shown].index(choice == "candidate")
        value = "tie" if place is None else float(place)
        return _feedback(row.request_id, "preference", value, row.started_at_us + 1)

    async def _send(self, users: list[Observation], records: list[Record]) -> None:
        gateway, control = self.gateway, self.world.control
        gateway.sequence += 2
        await control.store(ObservationBatch.of(gateway.name, gateway.boot_id, gateway.sequence, users))
        encoded = [encode_record(record) for record in records]
        await control.store_records(RecordBatch.of(gateway.name, gateway.boot_id, gateway.sequence - 1, encoded))
        await control.attribution.attribute()


def _kept(row: Observation, request_id: str = "") -> ContentRecord:
    """The text of an answer, which says whose it is."""
    return ContentRecord(
        request_id=request_id or row.request_id,
        at_us=row.started_at_us - 1,
        service=row.service,
        version=row.version,
        unit_hash=row.unit_hash,
        prompt=(Turn("user", "Where is it?"),),
        answer=f"{row.variant} answers {row.request_id}",
        keep_seconds=3_600,
    )


def _shown(made: PairRecord, shown: tuple[str, ...]) -> PairRecord:
    return msgspec.structs.replace(made, shown=shown)


def _feedback(request_id: str, name: str, value: object, at_us: int) -> FeedbackRecord:
    return FeedbackRecord(at_us=at_us, key="", name=name, value=value, request_id=request_id)
