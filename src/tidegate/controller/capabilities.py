"""What a strategy asks that this service, or its providers, cannot do: told at submission, never found out later."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.canary import segments_of
from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.strategy import compile_program
from tidegate.errors import InvalidInputError
from tidegate.registry.providers import find_provider
from tidegate.registry.services import Service
from tidegate.registry.versions import Version


async def check_capabilities(
    connection: AsyncConnection, spec: ReleaseSpec, service: Service, candidate: Version
) -> None:
    """Refuse what cannot work.

    Raises:
        InvalidInputError: no stable version to stand beside, a segment that the service does not have, or a bound of
            money on a model whose price nobody knows.
    """
    program = compile_program(spec.strategy)
    if service.stable is None and program.needs_stable:
        raise InvalidInputError(
            f"service {service.name!r} has no stable version, so only a direct release can begin",
            code="needs_stable",
            remedy="release the first version with strategy direct",
        )
    _check_segments(spec, service)
    mirrors = (getattr(step, "mirroring", None) for step in program.steps)
    await _check_price(connection, [mirroring for mirroring in mirrors if mirroring is not None], candidate)


def _check_segments(spec: ReleaseSpec, service: Service) -> None:
    named = (segment for strategy in spec.strategy for segment in segments_of(strategy))
    missing = [name for name in named if name not in service.spec.segments]
    if missing:
        raise InvalidInputError(
            f"service {service.name!r} has no segment {missing[0]!r}",
            code="unknown_segment",
            remedy=f"declare it with the service; it has {', '.join(sorted(service.spec.segments)) or 'none'}",
        )


async def _check_price(connection: AsyncConnection, mirrors: list[Mirroring], candidate: Version) -> None:
    """Money can only be counted where a price is known; an unknown one would never reach the bound."""
    if all(mirroring.max_cost is None for mirroring in mirrors):
        return
    bundle = candidate.bundle
    provider = await find_provider(connection, bundle.provider)
    if provider is not None and not {bundle.upstream_model, "*"}.isdisjoint(provider.spec.prices):
        return
    raise InvalidInputError(
        f"nobody knows what {bundle.model} costs, so max_cost could not be kept",
        code="unknown_price",
        remedy=f"declare providers.{bundle.provider}.prices, or bound the copies by max_tokens",
    )
