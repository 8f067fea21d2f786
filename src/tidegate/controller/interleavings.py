"""Which step of which release asks for votes; what a release was declared as never changes."""

from __future__ import annotations

from tidegate.delivery.steps import Interleave
from tidegate.delivery.strategy import compile_program
from tidegate.errors import NotFoundError
from tidegate.registry.database import Database
from tidegate.registry.releases import read_release

_REMEMBERED = 1_000  # releases


class Interleavings:
    """Looks releases up once.

    Args:
        state: where releases are.
    """

    def __init__(self, state: Database) -> None:
        self._state = state
        self._known: dict[str, dict[int, Interleave]] = {}

    async def step_of(self, release: str, step: int) -> Interleave | None:
        """The step, if votes decide it."""
        known = self._known.get(release)
        if known is None:
            known = self._known[release] = await self._read(release)
            while len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        return known.get(step)

    async def _read(self, release: str) -> dict[int, Interleave]:
        try:
            async with self._state.read() as connection:
                row = await read_release(connection, release)
        except NotFoundError:
            return {}
        steps = compile_program(row.spec.strategy).steps
        return {index: step for index, step in enumerate(steps) if isinstance(step, Interleave)}
