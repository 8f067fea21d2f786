"""Several gateways and one control that lends them slices of a key's limits: the real parts of both sides, a clock, and
messages that may be lost. The database is what it counts of stored observations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec
from tests.fakes.observations import observation

from tidegate.controller.clock import ManualClock
from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.key_leases import KeyLeases
from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.lending import KeyGrant, KeyUse, MoneyUse
from tidegate.delivery.observation import Observation
from tidegate.delivery.snapshot import AccessKey, Heartbeat
from tidegate.gateway.limits.budget import Budget
from tidegate.gateway.limits.limiter import Limiter, Reservation
from tidegate.gateway.limits.limiters import Limiters
from tidegate.gateway.limits.reserving import settle
from tidegate.gateway.refusals import Refusal
from tidegate.registry.key_charges import Place, charges_of

KEY = "shop"
LEASE_SECONDS = 10.0
LATE = datetime(2026, 11, 30, 23, 58, tzinfo=UTC)  # two minutes before a day and a month end
BOOTS = count(1)


class Request:
    """One that is under way."""

    def __init__(self, reservation: Reservation, began_us: int) -> None:
        self.reservation = reservation
        self.began_us = began_us


class Gateway:
    """One process."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.boot = f"boot-{next(BOOTS)}"
        self.limiters = Limiters(lambda: True, world.clock.monotonic)
        self.limiters.keep(world.keys)
        self.requests: list[Request] = []
        self.unsent: list[Observation] = []
        self.answer: tuple[KeyGrant, ...] = ()
        self.told: KeyUse | None = None
        self.has_heard = False

    @property
    def limiter(self) -> Limiter:
        found = self.limiters.of(KEY)
        assert found is not None
        return found

    def beat(self, *, arrives: bool = True) -> None:
        """Tell control; its answer waits in :attr:`answer` until it is taken or the next beat begins."""
        self.answer = ()
        uses = msgspec.json.decode(msgspec.json.encode(self.limiters.uses(self.world.now_us)), type=tuple[KeyUse, ...])
        (self.told,) = uses
        beat = Heartbeat(
            gateway=self.name, boot_id=self.boot, pid=1, address="", build="", revision=1, epoch=1, keys=uses
        )
        if arrives:
            self.answer = self.world.hear(beat)

    def take_answer(self) -> None:
        self.has_heard = self.has_heard or bool(self.answer)
        self.limiters.take_grants(self.answer)
        self.answer = ()

    def request(self, tokens: int = 10, most: int = 0) -> Request | Refusal:
        try:
            reservation = self.limiter.reserve(tokens, most, self.world.now_us)
        except Refusal as refusal:
            return refusal
        request = Request(reservation, self.world.now_us)
        self.requests.append(request)
        return request

    def end(self, request: Request, cost: int, tokens: int = 10) -> None:
        """It was answered; a cost of -1 is one that nobody knows."""
        self.requests.remove(request)
        row = observation(
            key=KEY,
            started_at_us=request.began_us,
            input_tokens=tokens,
            output_tokens=0,
            cost_nano_usd=cost,
            assumed_nano_usd=request.reservation.cost if cost < 0 else 0,
        )
        settle(request.reservation, row)
        self.unsent.append(row)
        self.world.remember(row)

    def budget(self, period: str) -> Budget | None:
        """Its money in that day or month, if it runs for it."""
        return next((each for each in (self.limiter.day, self.limiter.month) if each.period == period), None)


class World:
    """Everything.

    Attributes:
        truth: nano-USD by period, of requests that ended.
        stored: what the database counts.
    """

    def __init__(self, limits: KeyLimits, start: datetime = LATE) -> None:
        self.clock = ManualClock(start)
        self.keys = (AccessKey(name=KEY, sha256="", limits=limits),)
        self.gateways: list[Gateway] = []
        self.truth: dict[str, int] = {}
        self.stored: dict[Place, dict[str, int]] = {}
        self.restart_control()

    @property
    def limits(self) -> KeyLimits:
        limits = self.keys[0].limits
        assert limits is not None
        return limits

    @property
    def now_us(self) -> int:
        return int(self.clock.now().timestamp() * 1e6)

    def start(self, name: str) -> Gateway:
        made = Gateway(self, name)
        self.gateways.append(made)
        return made

    def kill(self, gateway: Gateway) -> None:
        """What it had not sent is lost with it."""
        self.gateways.remove(gateway)

    def restart_control(self) -> None:
        """It forgets everything but what is in the database."""
        roster = self.registry.roster() if hasattr(self, "registry") else ()
        self.registry = GatewayRegistry(self.clock, LEASE_SECONDS)
        self.registry.reckon_with(roster)
        self.control = KeyLeases(
            None,  # type: ignore[arg-type]  # it is told what would be read
            self.clock,
            lambda: self.keys,
            self.registry,
        )
        self.read_database()

    def hear(self, beat: Heartbeat) -> tuple[KeyGrant, ...]:
        self.registry.hear(beat)
        self.control.hear(beat)
        return self.control.lend(beat)

    def declare(self, limits: KeyLimits) -> None:
        """Another table reaches everybody."""
        self.keys = (AccessKey(name=KEY, sha256="", limits=limits),)
        for gateway in self.gateways:
            gateway.limiters.keep(self.keys)

    def remember(self, row: Observation) -> None:
        for place, amount in charges_of([row]).items():
            self.truth[place.period] = self.truth.get(place.period, 0) + amount

    def ship(self, gateway: Gateway) -> None:
        """Its observations are stored."""
        for place, amount in charges_of(gateway.unsent).items():
            of_place = self.stored.setdefault(place, {})
            of_place[gateway.boot] = of_place.get(gateway.boot, 0) + amount
        gateway.unsent.clear()

    def read_database(self) -> None:
        self.control.learn({place: dict(boots) for place, boots in self.stored.items()})

    def settle_down(self, rounds: int = 5) -> None:
        """Everybody is heard and hears, and control has read what is stored."""
        for _ in range(rounds):
            self.clock.advance(timedelta(seconds=1))
            self.read_database()
            for gateway in self.gateways:
                gateway.beat()
                gateway.take_answer()

    def forgotten_with_control(self, period: str) -> int:
        """Nano-USD that a gateway told and never sent, and that nobody but this control knows since it is gone."""
        stored = self.stored.get(Place(KEY, period), {})
        alive = {gateway.boot: money(gateway.told, period) for gateway in self.gateways}
        of_alive = sum(max(stored.get(boot, 0), told.spent) for boot, told in alive.items() if told is not None)
        of_gone = sum(amount for boot, amount in stored.items() if alive.get(boot) is None)
        return max(0, self.control.spent(KEY, period) - of_alive - of_gone)

    def is_cut_off(self, gateway: Gateway) -> bool:
        """Whether control takes the process for gone, so that its slices may be another's too."""
        processes = self.registry.processes()
        return gateway.boot not in processes.known and not processes.unheard


def money(use: KeyUse | None, period: str) -> MoneyUse | None:
    """What was told of the period."""
    if use is None:
        return None
    return next((each for each in (use.day, use.month) if each.period == period), None)
