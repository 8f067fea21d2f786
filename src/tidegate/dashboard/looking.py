"""What a page is: where it stands, what it asks of the API, how it is drawn, and which of its parts live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from tidegate.api.caller import Caller
from tidegate.client import AsyncClient

T = TypeVar("T")
Context = dict[str, Any]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a page.

    Attributes:
        ask: the API, in the name of whoever looks.
        caller: who that is; templates ask it which buttons make sense, the API decides who may press them.
        path: parameters of the address; ``query`` those behind the question mark.
    """

    ask: AsyncClient
    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def scopes(self) -> Sequence[str | None]:
        """The services to ask for one by one, as a key for several may not ask for all; ``None`` is all."""
        return self.caller.services or (None,)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page.

    Attributes:
        address: its route.
        template: of the whole page.
        gather: asks the API for all that the template shows.
        parts: templates of what stays live; each is drawn into the element ``part-NAME``. Empty means a still page.
    """

    address: str
    template: str
    gather: Callable[[Look], Awaitable[Context]]
    parts: tuple[str, ...] = ()


async def of_each_scope(look: Look, fetch: Callable[[str | None], Awaitable[Sequence[T]]]) -> list[T]:
    """What ``fetch`` finds for everything the caller may see."""
    return [item for scope in look.scopes for item in await fetch(scope)]
