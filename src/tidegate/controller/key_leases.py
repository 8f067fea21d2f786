"""Lends each gateway process its slice of a key's limits, and moves slices to where they are wanted.

Rates and places are divided max-min fair by what each process wants of late; money is granted as copies' is
(:mod:`tidegate.controller.slices`). Whoever leads next knows from the database what was spent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from tidegate.controller.clock import Clock
from tidegate.controller.slices import Ledger
from tidegate.delivery.limits import KeyGrant, KeyLimits, KeyUse, day_of, month_of, share_out
from tidegate.delivery.snapshot import AccessKey, Heartbeat
from tidegate.registry.database import Database
from tidegate.registry.key_spending import Spending, read_spending
from tidegate.shapes.records import KeyUsage

_READ_SECONDS = 2.0
_LOG = structlog.get_logger("tidegate.control.limits")

_Purse = tuple[str, str]  # key, day or month


class KeyLeases:
    """What is lent of each key's limits, as far as this process knows.

    Args:
        observed: where spending is counted.
        keys: those in force.
        live: boot ids of processes that may be serving.
    """

    def __init__(
        self,
        observed: Database,
        clock: Clock,
        keys: Callable[[], tuple[AccessKey, ...]],
        live: Callable[[], frozenset[str]],
    ) -> None:
        self._observed = observed
        self._clock = clock
        self._keys = keys
        self._limited: tuple[tuple[AccessKey, ...], dict[str, KeyLimits]] = ((), {})
        self._live = live
        self._uses: dict[str, dict[str, KeyUse]] = {}  # by key, by boot
        self._ledgers: dict[_Purse, Ledger] = {}
        self._knows_spending = False  # before that nobody is lent any money

    def answer(self, beat: Heartbeat) -> tuple[KeyGrant, ...]:
        """What the process may use from now on."""
        live = self._live() | {beat.boot_id} if beat.keys else frozenset()
        grants = (self._grant(beat.boot_id, use, live) for use in beat.keys)
        return tuple(grant for grant in grants if grant is not None)

    async def report(self, keys: Sequence[str]) -> dict[str, KeyUsage]:
        """What each key uses now and has used; money by whichever knows more, gateways or the database."""
        today, month = day_of(self._now_us()).name, month_of(self._now_us()).name
        async with self._observed.read() as connection:
            rows = await read_spending(connection, since=f"{month}-01")
        return {key: self._report(key, [row for row in rows if row.key == key], today, month) for key in keys}

    def _report(self, key: str, days: list[Spending], today: str, month: str) -> KeyUsage:
        live = self._live()
        told = [use for boot, use in self._uses.get(key, {}).items() if boot in live]
        of_today = next((row for row in days if row.day == today), Spending(key, today))
        spent_in_month = max(sum(row.cost_nano_usd for row in days), self._spent(key, month))
        return KeyUsage(
            requests_per_minute=sum(use.requests for use in told),
            tokens_per_minute=sum(use.tokens for use in told),
            in_flight=sum(use.in_flight for use in told),
            requests_today=of_today.requests,
            tokens_today=of_today.input_tokens + of_today.output_tokens,
            spent_today_usd=max(of_today.cost_nano_usd, self._spent(key, today)) / 1e9,
            spent_this_month_usd=spent_in_month / 1e9,
        )

    def _spent(self, key: str, period: str) -> int:
        ledger = self._ledgers.get((key, period))
        return ledger.used if ledger is not None else 0

    def learn(self, counted: Mapping[tuple[str, str], int]) -> None:
        """Nano-USD by key and day of the running month, as the database has it."""
        self._knows_spending = True
        periods = self._periods()
        self._ledgers = {purse: ledger for purse, ledger in self._ledgers.items() if purse[1] in periods}
        months: dict[_Purse, int] = {}
        for (key, day), cost in counted.items():
            months[key, day[:7]] = months.get((key, day[:7]), 0) + cost
            if day in periods:
                self._ledger(key, day).counted = cost
        for (key, month), cost in months.items():
            self._ledger(key, month).counted = cost

    async def run(self) -> None:
        """Keep up with what is counted."""
        while True:
            try:
                await self.refresh()
            except Exception as error:  # gateways go on by what they were lent
                _LOG.warning("spending_unreadable", error=repr(error))
            await asyncio.sleep(_READ_SECONDS)

    async def refresh(self) -> None:
        """Read what is counted of the running month."""
        month = month_of(self._now_us()).name
        async with self._observed.read() as connection:
            rows = await read_spending(connection, since=f"{month}-01")
        self.learn({(row.key, row.day): row.cost_nano_usd for row in rows})

    def _grant(self, boot_id: str, use: KeyUse, live: frozenset[str]) -> KeyGrant | None:
        limits = self._limits_of(use.key)
        if limits is None:
            self._uses.pop(use.key, None)
            return None
        told = self._uses[use.key] = {boot: each for boot, each in self._uses.get(use.key, {}).items() if boot in live}
        told[boot_id] = use
        slices: dict[str, Any] = {}
        for name, limit in (
            ("requests", limits.requests_per_minute),
            ("tokens", limits.tokens_per_minute),
            ("concurrent", limits.concurrent),
        ):
            if limit:
                slices[name] = share_out(limit, {boot: getattr(each, name) for boot, each in told.items()})[boot_id]
        for period, name, spent, limit in (
            ("day", use.day, use.spent_in_day, limits.budget_per_day),
            ("month", use.month, use.spent_in_month, limits.budget_per_month),
        ):
            if limit and self._knows_spending and name in self._periods():
                slices[period] = name
                slices[f"spend_in_{period}"] = self._ledger(use.key, name).grant(
                    boot_id, spent, limit, live, part=len(told)
                )
        return KeyGrant(key=use.key, **slices)

    def _limits_of(self, key: str) -> KeyLimits | None:
        keys = self._keys()
        if keys is not self._limited[0]:
            self._limited = keys, {each.name: each.limits for each in keys if each.limits is not None}
        return self._limited[1].get(key)

    def _ledger(self, key: str, period: str) -> Ledger:
        return self._ledgers.setdefault((key, period), Ledger())

    def _periods(self) -> frozenset[str]:
        """The day and month that run; clocks of gateways may be a little ahead of ours, or behind."""
        now = self._now_us()
        near = (now - _SKEW_US, now, now + _SKEW_US)
        return frozenset(period.name for at in near for period in (day_of(at), month_of(at)))

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1e6)


_SKEW_US = 60 * 1_000_000
