"""Lends each gateway process its slice of a key's limits, and moves slices to where they are wanted.

What may be lent is decided by :mod:`tidegate.delivery.limits`; here are the clock, the database, and whom a process
that has just begun to lead must still wait for. Every control process hears every gateway, and one of them lends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from tidegate.controller.clock import Clock
from tidegate.controller.gateways import GatewayRegistry, Processes
from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.key_ledger import KeyLedger
from tidegate.delivery.limits.lending import KeyGrant, KeyUse
from tidegate.delivery.limits.periods import day_of, month_of
from tidegate.delivery.snapshot import AccessKey, Heartbeat
from tidegate.registry.database import Database
from tidegate.registry.key_charges import Place, read_charges
from tidegate.registry.key_spending import Spending, read_spending
from tidegate.shapes.keys import KeyUsage

_READ_SECONDS = 2.0
_SKEW_US = 60 * 1_000_000
_LOG = structlog.get_logger("tidegate.control.limits")


class KeyLeases:
    """What is lent of each key's limits, as far as this process knows.

    Args:
        observed: where spending is counted.
        keys: those in force.
        gateways: whose processes may be using something.
    """

    def __init__(
        self,
        observed: Database,
        clock: Clock,
        keys: Callable[[], tuple[AccessKey, ...]],
        gateways: GatewayRegistry,
    ) -> None:
        self._observed = observed
        self._clock = clock
        self._keys = keys
        self._gateways = gateways
        self._settled_at = clock.monotonic() + gateways.longest_silence.total_seconds()
        self._limited: tuple[tuple[AccessKey, ...], dict[str, KeyLimits]] = ((), {})
        self._ledgers: dict[str, KeyLedger] = {}
        self._counted: Mapping[Place, Mapping[str, int]] | None = None  # before it is read no money is lent

    def hear(self, beat: Heartbeat) -> None:
        """What the process wants, holds and has used; also while another control process lends."""
        running = self._running()
        for use in beat.keys:
            self._ledger(use.key).hear(beat.boot_id, use, running)

    def lend(self, beat: Heartbeat) -> tuple[KeyGrant, ...]:
        """What the process may use from now on; right after it was heard."""
        if not beat.keys:
            return ()
        limits, processes = self._limits(), self._gateways.processes()
        known = processes.known | {beat.boot_id}
        running = self._running() if self._counted is not None else frozenset[str]()
        return tuple(
            ledger.lend(beat.boot_id, limits[use.key], known, running, self._strangers(ledger, processes))
            for use in beat.keys
            if use.key in limits
            for ledger in (self._ledgers[use.key],)
        )

    async def report(self, keys: Sequence[str]) -> dict[str, KeyUsage]:
        """What each key uses now and has used; money by whichever knows more, gateways or the database."""
        today, month = day_of(self._now_us()).name, month_of(self._now_us()).name
        async with self._observed.read() as connection:
            rows = await read_spending(connection, since=f"{month}-01")
        known = self._gateways.processes().known
        return {key: self._report(key, [row for row in rows if row.key == key], today, month, known) for key in keys}

    def spent(self, key: str, period: str) -> int:
        """Nano-USD in a day or month that runs, as far as gateways told or the database counts."""
        return self._ledger(key).spent(period)

    def learn(self, counted: Mapping[Place, Mapping[str, int]]) -> None:
        """Nano-USD by key, period and process, as the database has it."""
        self._counted = counted
        for ledger in self._ledgers.values():
            ledger.count()

    async def run(self) -> None:
        """Keep up with what is counted."""
        while True:
            try:
                await self.refresh()
            except Exception as error:  # gateways go on by what they were lent
                _LOG.warning("spending_unreadable", error=repr(error))
            await asyncio.sleep(_READ_SECONDS)

    async def refresh(self) -> None:
        """Read what is counted of the days and months that run."""
        async with self._observed.read() as connection:
            self.learn(await read_charges(connection, self._running()))

    def _strangers(self, ledger: KeyLedger, processes: Processes) -> int:
        """Processes that may hold slices of the key and have not told this one: it started, or leads, since they did."""
        silent = processes.known - ledger.told.keys() if self._clock.monotonic() < self._settled_at else ()
        return processes.unheard + len(silent)

    def _report(self, key: str, days: list[Spending], today: str, month: str, known: frozenset[str]) -> KeyUsage:
        of_today = next((row for row in days if row.day == today), Spending(key, today))
        spent_today, spent_in_month = of_today.cost_nano_usd, sum(row.cost_nano_usd for row in days)
        told: list[KeyUse] = []
        reserved = 0
        ledger = self._ledgers.get(key) if key in self._limits() else None
        if ledger is not None:
            ledger.keep(known, self._running())
            told, reserved = list(ledger.told.values()), ledger.reserved()
        spent_today = max(spent_today, self.spent(key, today))
        spent_in_month = max(spent_in_month, self.spent(key, month))
        return KeyUsage(
            requests_per_minute=sum(use.wanted.requests for use in told),
            tokens_per_minute=sum(use.wanted.tokens for use in told),
            in_flight=sum(use.in_flight for use in told),
            requests_today=of_today.requests,
            tokens_today=of_today.input_tokens + of_today.output_tokens,
            spent_today_usd=spent_today / 1e9,
            spent_this_month_usd=spent_in_month / 1e9,
            reserved_usd=reserved / 1e9,
        )

    def _limits(self) -> dict[str, KeyLimits]:
        """By key; what was lent of keys that have none any more is forgotten."""
        keys = self._keys()
        if keys is not self._limited[0]:
            limits = {each.name: each.limits for each in keys if each.limits is not None}
            self._limited = keys, limits
            self._ledgers = {key: ledger for key, ledger in self._ledgers.items() if key in limits}
        return self._limited[1]

    def _ledger(self, key: str) -> KeyLedger:
        found = self._ledgers.get(key)
        if found is None:
            found = self._ledgers[key] = KeyLedger(
                key, lambda period: (self._counted or {}).get(Place(key, period), {})
            )
        return found

    def _running(self) -> frozenset[str]:
        """Days and months that run; clocks of gateways may be a little ahead of ours, or behind."""
        now = self._now_us()
        near = (now - _SKEW_US, now, now + _SKEW_US)
        return frozenset(period.name for at in near for period in (day_of(at), month_of(at)))

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1e6)
