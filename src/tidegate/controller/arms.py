"""Finds the versions behind an experiment's arms, and registers those that differ from another in parameters only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.experiments.declared import variants_of
from tidegate.delivery.experiments.variants import STABLE_REFERENCE, DerivedSpec
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.errors import InvalidInputError
from tidegate.registry.bundle_tree import BundleContent
from tidegate.registry.deriving import derived_content
from tidegate.registry.push import Wanted, register_content
from tidegate.registry.services import Service
from tidegate.registry.versions import resolve


async def resolve_arms(
    connection: AsyncConnection, spec: ReleaseSpec, service: Service, *, actor: str, now: datetime
) -> dict[str, str]:
    """Variant -> full reference of each declared arm; empty for a release with one candidate.

    Raises:
        NotFoundError: no such version.
        InvalidInputError: two arms are the same version, so that nothing could tell them apart, or there is no stable.
    """
    found: dict[str, str] = {}
    for name, variant in variants_of(spec).items():
        if isinstance(variant, DerivedSpec):
            content = await _derived(connection, spec, variant)
            wanted = Wanted(service=spec.service, lineage=content.lineage)
            reference = (await register_content(connection, content, wanted, actor=actor, at=now)).ref
        else:
            reference = (await resolve(connection, _named(spec, variant), spec.service)).ref
        found[name] = reference
    _check(found, service)
    return found


async def derived_contents(connection: AsyncConnection, spec: ReleaseSpec) -> list[BundleContent]:
    """What :func:`resolve_arms` will register; its parts must be stored first.

    Raises:
        NotFoundError: no such version to derive from.
    """
    return [
        await _derived(connection, spec, variant)
        for variant in variants_of(spec).values()
        if isinstance(variant, DerivedSpec)
    ]


def named_version(spec: ReleaseSpec) -> str:
    """The release's version as a reference that can be resolved."""
    return _named(spec, spec.version)


async def _derived(connection: AsyncConnection, spec: ReleaseSpec, variant: DerivedSpec) -> BundleContent:
    base = await resolve(connection, _named(spec, variant.of), spec.service)
    return derived_content(base, model=variant.model, system=variant.system, generation=variant.generation)


def _named(spec: ReleaseSpec, reference: str) -> str:
    return f"{spec.service}@stable" if reference == STABLE_REFERENCE else reference


def _check(found: dict[str, str], service: Service) -> None:
    is_aa = bool(found) and set(found.values()) == {service.stable}
    for name, reference in found.items():
        others = [other for other, same in found.items() if other != name and same == reference]
        if others and not is_aa:
            raise InvalidInputError(
                f"the arms {name} and {others[0]} are both {reference}",
                where="variants",
                remedy="leave one of them out",
            )
        if reference == service.stable and not is_aa:
            raise InvalidInputError(
                f"the arm {name} is {reference}, which is stable, as control is",
                where="variants",
                remedy="leave it out; an A/A test has no other arm",
            )
