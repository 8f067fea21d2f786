"""Whether a service's callers name the units that a release would randomise: known from what they sent lately."""

from __future__ import annotations

from tidegate.controller.publisher import Publisher
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.steps import randomises
from tidegate.delivery.strategy import compile_program
from tidegate.errors import InvalidInputError
from tidegate.registry.database import Database
from tidegate.registry.requests import RequestFilter, find_requests

LOOKED_AT = 200  # newest requests
LEAST = 100  # of them, from which on the absence of names tells something

_HOW = {
    "conversation": "metadata.conversation_id or the header x-tidegate-unit, or set derive_conversation on the service",
    "user": "user (metadata.user_id in the Anthropic dialect) or the header x-tidegate-unit",
}


class UnitNames:
    """Looks at the latest requests of a service."""

    def __init__(self, observed: Database, publisher: Publisher) -> None:
        self._observed = observed
        self._publisher = publisher

    async def check(self, spec: ReleaseSpec) -> None:
        """Refuse a unit that nobody names: every request would be one of its own, and no one would stay anywhere.

        Only a unit that the release itself asks for, as every experiment does; a service's own is what its callers may
        name, not what they must.

        Raises:
            InvalidInputError: with what callers have to send.
        """
        unit = spec.assignment.unit
        is_randomised = any(map(randomises, compile_program(spec.strategy).steps))
        if unit is None or unit == "request" or not is_randomised or self._is_derived(spec.service, unit):
            return
        async with self._observed.read() as connection:
            page = await find_requests(connection, RequestFilter(service=spec.service), limit=LOOKED_AT)
        seen = [found.observation for found in page.rows if found.observation.propensity]
        if len(seen) >= LEAST and all(each.has_own_unit for each in seen):
            raise InvalidInputError(
                f"none of the last {len(seen)} requests to {spec.service} names a {unit}, so each of them would be a unit "
                "of its own",
                code="unnamed_units",
                where="assignment.unit",
                remedy=f"have callers send {_HOW[unit]}, or write assignment: {{unit: request}}",
            )

    def _is_derived(self, service: str, unit: str) -> bool:
        route = self._publisher.current.services.get(service) if self._publisher.is_ready else None
        return unit == "conversation" and route is not None and route.derive_conversation
