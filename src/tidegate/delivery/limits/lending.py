"""What a gateway process and control tell each other of a key with limits, with each heartbeat."""

from __future__ import annotations

import msgspec


class Rates(msgspec.Struct, frozen=True, array_like=True):
    """Requests and tokens per minute, and requests at once; 0 where there is no such limit or nothing was lent yet."""

    requests: int = 0
    tokens: int = 0
    concurrent: int = 0


class MoneyUse(msgspec.Struct, frozen=True, array_like=True):
    """What one process did with its slice of a budget, in nano-USD.

    Attributes:
        period: the day or month that runs for it; "" where there is no such budget.
        spent: by requests of the period that ended.
        reserved: by requests of the period that are under way.
        wanted: the most that requests at once might have come to of late, whether admitted or not.
        granted: what it may spend and reserve in all: its slice.
    """

    period: str = ""
    spent: int = 0
    reserved: int = 0
    wanted: int = 0
    granted: int = 0


class KeyUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one gateway process tells of one key with limits.

    Attributes:
        wanted: requests and tokens of the last minute or so, whether admitted or not; the most at once since it last
            told.
        held: its slices.
        in_flight: requests under way now.
    """

    key: str
    wanted: Rates = Rates()
    held: Rates = Rates()
    in_flight: int = 0
    day: MoneyUse = MoneyUse()
    month: MoneyUse = MoneyUse()


class MoneyGrant(msgspec.Struct, frozen=True, array_like=True):
    """One process's slice of a budget, in nano-USD.

    Attributes:
        period: that it is for; "" grants nothing and takes nothing away.
        granted: what the process may spend and reserve in all.
        unspent: what all processes together have not spent: a request that may cost more has to wait for the end of
            the period, any other only for what is reserved or lent to another process.
    """

    period: str = ""
    granted: int = 0
    unspent: int = 0


class KeyGrant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one gateway process may use of a key's limits from now on."""

    key: str
    slices: Rates = Rates()
    day: MoneyGrant = MoneyGrant()
    month: MoneyGrant = MoneyGrant()
