"""Where conversations stay: the variant of their first turn, while the weights of a release move.

The hash is the rule, and while weights stand still it suffices. When they move, a conversation that began on stable
would go to the candidate in its midst; its pin keeps it where it began, until the release is gone. The table is bounded:
what was not asked for in the last :data:`MOST_PINS` new conversations is forgotten, the hash decides, and that is
counted. Where weights go up and down (a bandit), every unit that may return is kept like that. An answer that its provider keeps (Responses) pins what names it later, whatever the unit. Pins travel to the other gateways through control, so a restarted gateway, or another one, keeps them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from tidegate.delivery.snapshot import TOTAL_WEIGHT, Pin, PinReport, PinUpdate
from tidegate.delivery.traffic import pinned_kinds

if TYPE_CHECKING:
    from tidegate.delivery.snapshot import ServiceRoute
    from tidegate.delivery.traffic import Arms
    from tidegate.gateway.call import Call

MOST_PINS = 50_000
"""In each of two generations: a pin is kept for at least so many newer ones after it was last asked for."""
MOST_TOLD = 10_000
"""Pins in one heartbeat."""


class PinKey(NamedTuple):
    """One attempt of one release."""

    service: str
    release: str
    attempt: int


class PinTable:
    """Unit hash -> pin, in two generations: the older one is dropped whole when the younger one is full.

    Attributes:
        lost: pins dropped that nobody had asked for since.
        log, seen: whose list of pins control sends from, and how far this process has it.
    """

    __slots__ = ("_kept", "_limit", "_old", "_untold", "_young", "log", "lost", "seen")

    def __init__(self, limit: int = MOST_PINS) -> None:
        self._limit = limit
        self._young: dict[int, Pin] = {}
        self._old: dict[int, Pin] = {}
        self._kept = 0  # of the old ones that are in the young generation again
        self._untold: dict[int, Pin] = {}
        self.lost = 0
        self.log, self.seen = "", 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old) - self._kept

    def find(self, unit_hash: int) -> Pin | None:
        """The pin of a unit, which is thereby young again."""
        pin = self._young.get(unit_hash)
        if pin is None and (pin := self._old.get(unit_hash)) is not None:
            self._kept += 1
            self._add(unit_hash, pin)
        return pin

    def put(self, unit_hash: int, pin: Pin) -> None:
        """The first turn of a unit, or the first one after its variant is gone."""
        self._add(unit_hash, pin)
        if len(self._untold) < self._limit:
            self._untold[unit_hash] = pin

    def learn(self, update: PinUpdate) -> None:
        """What other gateways pinned; own pins stand. From a control that knows nothing yet, all of ours are told."""
        if update.log != self.log:
            self.log, self.seen = update.log, 0
            self._untold = {**self._old, **self._young}
        for unit_hash, pin in update.pins:
            if unit_hash not in self._young and unit_hash not in self._old:
                self._add(unit_hash, pin)
        self.seen = max(self.seen, update.until)

    def untold(self) -> tuple[tuple[int, Pin], ...]:
        """The oldest pins that control has not been told yet; told ones are forgotten by :meth:`told`."""
        found = []
        for item in self._untold.items():
            found.append(item)
            if len(found) == MOST_TOLD:
                break
        return tuple(found)

    def told(self, pins: Iterable[tuple[int, Pin]]) -> None:
        """Control has these."""
        for unit_hash, _ in pins:
            self._untold.pop(unit_hash, None)

    def _add(self, unit_hash: int, pin: Pin) -> None:
        self._young[unit_hash] = pin
        if len(self._young) >= self._limit:
            self.lost += len(self._old) - self._kept
            self._old, self._young, self._kept = self._young, {}, 0


class PinPlan:
    """What a routing table says of one service's pins.

    Args:
        route: of a service whose release pins conversations.
        weights: that give a unit its hash.
        table: of that release, which outlives routing tables.
    """

    __slots__ = ("_hash", "_index", "_kinds", "_new", "_round", "_step", "_table", "key")

    def __init__(self, route: ServiceRoute, weights: Arms, table: PinTable) -> None:
        release = route.release
        assert release is not None
        self.key = PinKey(route.name, release.id, release.attempt)
        self._kinds = pinned_kinds(route)
        self._hash = weights.assign
        self._step, self._round = release.step, release.round
        self._new = [Pin(variant.name, release.step, release.round) for variant in route.variants]
        self._index = {
            variant.name: index
            for index, variant in enumerate(route.variants)
            if variant.weight or variant.name == route.stable or route.has_target(variant.name)
        }
        self._table = table

    def keep(self, call: Call, kind: str, index: int) -> int:
        """The variant of the call's conversation: that of its first turn, or ``index`` if this is the first.

        A request that names an earlier answer goes to whoever gave that: nobody else has it. Whose coin was thrown in
        another step or round had another share then, so it takes no part in comparisons.
        """
        previous = call.facts.previous_response_id
        if previous is not None and (pin := self._table.find(self._hash(previous).unit_hash)) is not None:
            kept = self._index.get(pin.variant)
            if kept is not None:
                call.propensity = TOTAL_WEIGHT
                return kept
        if kind not in self._kinds:
            return index
        pin = self._table.find(call.unit_hash)
        kept = None if pin is None else self._index.get(pin.variant)
        if pin is None or kept is None:
            self._table.put(call.unit_hash, self._new[index])
            return index
        if pin.step != self._step or pin.round != self._round:
            call.propensity = TOTAL_WEIGHT
        return kept

    def remember(self, call: Call) -> None:
        """An answer that its provider keeps: requests that name it later go there."""
        served = call.served
        answer_id = call.answer.answer_id if call.answer is not None else ""
        index = self._index.get(served.variant) if served is not None else None
        if answer_id and index is not None:
            self._table.put(self._hash(answer_id).unit_hash, self._new[index])


class Pins:
    """The pin tables of one gateway process, one for each attempt of a release that pins."""

    def __init__(self) -> None:
        self._tables: dict[PinKey, PinTable] = {}
        self._told: dict[PinKey, tuple[tuple[int, Pin], ...]] = {}
        self._lost = 0

    def table(self, key: PinKey) -> PinTable:
        """The table of an attempt, made when first asked for."""
        return self._tables.setdefault(key, PinTable())

    def keep(self, keys: Iterable[PinKey]) -> None:
        """A rollback, an end or another attempt: pins of everything else are gone."""
        known = set(keys)
        for key in [key for key in self._tables if key not in known]:
            self._lost += self._tables.pop(key).lost
            self._told.pop(key, None)

    def report(self) -> tuple[PinReport, ...]:
        """For the heartbeat: new pins, and how far we have those of the others."""
        reports = []
        for key, table in self._tables.items():
            self._told[key] = untold = table.untold()
            reports.append(PinReport(**key._asdict(), log=table.log, seen=table.seen, pins=untold))
        return tuple(reports)

    def learn(self, updates: Iterable[PinUpdate]) -> None:
        """What control answered: it has what was reported, and tells what the others pinned."""
        for update in updates:
            key = PinKey(update.service, update.release, update.attempt)
            table = self._tables.get(key)
            if table is not None:
                table.told(self._told.pop(key, ()))
                table.learn(update)

    @property
    def figures(self) -> Mapping[str, int]:
        """Pins held now, and lost since the start."""
        return {
            "held": sum(map(len, self._tables.values())),
            "lost": self._lost + sum(table.lost for table in self._tables.values()),
        }
