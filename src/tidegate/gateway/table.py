"""The routing table as the hot path reads it: a snapshot compiled into dicts and tuples.

A table is immutable; a request keeps the one it started with, whatever is published meanwhile. What must
outlive a table (breakers, loads, counters) lives in :mod:`upstreams`, :mod:`cutoff` and :mod:`telemetry`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tidegate.delivery.request_id import RequestIds
from tidegate.delivery.traffic import Arms, SegmentRule, arms_of
from tidegate.errors import InvalidInputError
from tidegate.gateway.cutoff import Trial
from tidegate.gateway.rescue import Role, attempts_budget

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tidegate.delivery.snapshot import AccessKey, Price, Provider, ServiceRoute, Snapshot, Timeouts, VariantRoute
    from tidegate.gateway.telemetry import Series, Telemetry
    from tidegate.gateway.upstreams import Account, Deployment, Upstreams
    from tidegate.wire.insertion import Insertion

FALLBACK = "fallback"

Header = tuple[bytes, bytes]


class Leg:
    """One place in the order of rescue: a deployment and what is sent there.

    Attributes:
        variant: name of the version's variant, or ``fallback``.
        version: version reference, or ``provider/model`` of a fallback.
        price: ``None`` when nobody told it.
        headers: what the answer says of who served it.
    """

    __slots__ = (
        "account",
        "deployment",
        "headers",
        "insertion",
        "price",
        "problem",
        "role",
        "series",
        "timeouts",
        "variant",
        "version",
    )

    def __init__(
        self,
        role: Role,
        variant: str,
        version: str,
        insertion: Insertion,
        account: Account,
        deployment: Deployment,
        price: Price | None,
        series: Series,
        timeouts: Timeouts,
    ) -> None:
        self.timeouts = timeouts
        self.role = role
        self.variant = variant
        self.version = version
        self.insertion = insertion
        self.account = account
        self.deployment = deployment
        self.price = price
        self.series = series
        self.headers: tuple[Header, ...] = (
            (b"x-tidegate-version", _ascii(version)),
            (b"x-tidegate-variant", _ascii(variant)),
        )

    @property
    def is_free(self) -> bool:
        """Whether nothing stands against asking it now."""
        account = self.account
        load = account.load
        return (
            self.deployment.breaker.is_admitting
            and account.origin is not None
            and (not load.bound or load.in_flight < load.bound)
        )


class Arm:
    """One variant of a service, with everything a request assigned to it may come by.

    Attributes:
        order: its own leg first, then who rescues it.
        budget: attempts a request may cost.
        trial: what its hard failures count against; ``None`` for stable and outside releases.
    """

    __slots__ = ("budget", "order", "route", "series", "trial")

    def __init__(self, route: VariantRoute, order: tuple[Leg, ...], trial: Trial | None) -> None:
        self.route = route
        self.order = order
        self.trial = trial
        self.series = order[0].series
        self.budget = attempts_budget(route.max_attempts, has_candidate=order[0].role is Role.CANDIDATE)


class CompiledRoute:
    """A service as the hot path reads it.

    Attributes:
        arms: variants by the index that ``weights`` gives; empty without a first version.
        stable: the arm that rescues, ``None`` without one.
    """

    __slots__ = ("arms", "by_reference", "headers", "name", "route", "segments", "stable", "weights")

    def __init__(self, route: ServiceRoute, arms: tuple[Arm, ...], weights: Arms | None) -> None:
        self.route = route
        self.name = route.name
        self.arms = arms
        self.weights = weights
        self.stable = next((arm for arm in arms if arm.route.name == route.stable), None)
        self.by_reference = _references(arms)
        self.segments = tuple(SegmentRule(name, segment) for name, segment in route.segments.items())
        release: tuple[Header, ...] = ((b"x-tidegate-release", _ascii(route.release.id)),) if route.release else ()
        self.headers: tuple[Header, ...] = (*release, (b"x-tidegate-cache", b"off"))


class Principal:
    """Who is asking, and what the key allows."""

    __slots__ = ("can_force", "can_invoke", "name", "services")

    def __init__(self, name: str, roles: Iterable[str], services: Iterable[str]) -> None:
        held = frozenset(roles)
        self.name = name
        self.can_force = not held.isdisjoint(("operator", "admin"))
        self.can_invoke = not held.isdisjoint(("invoke", "admin"))
        self.services = frozenset(services)

    def may_use(self, service: str) -> bool:
        """Whether the key covers ``service``; a key that names none covers all."""
        return not self.services or service in self.services


ANYBODY = Principal("", ("invoke", "admin"), ())
"""Who asks on loopback when no keys are configured: whoever can connect owns the machine."""


class RoutingTable:
    """A compiled snapshot.

    Attributes:
        principals: by SHA-256 of the key, hex.
        recent: by the credential as it was sent, filled as keys come, so that each is hashed once a table.
        request_ids: makes ids signed with this snapshot's key.
    """

    __slots__ = ("is_open_access", "principals", "recent", "request_ids", "routes", "snapshot")

    def __init__(
        self,
        snapshot: Snapshot,
        principals: dict[str, Principal],
        routes: dict[str, CompiledRoute],
        request_ids: RequestIds,
    ) -> None:
        self.snapshot = snapshot
        self.principals = principals
        self.recent: dict[bytes, Principal] = {}
        self.routes = routes
        self.request_ids = request_ids
        self.is_open_access = snapshot.open_access

    @classmethod
    def compile(
        cls,
        snapshot: Snapshot,
        secrets: Mapping[str, str],
        *,
        upstreams: Upstreams,
        telemetry: Telemetry,
        boot: bytes,
    ) -> RoutingTable:
        """Build the table of ``snapshot``.

        Args:
            snapshot: what control published.
            secrets: literal secrets that the snapshot refers to as ``memory:NAME``.
            upstreams: deployments of this process, shared by successive tables.
            telemetry: series of this process.
            boot: six bytes that differ between processes, for request ids.

        Raises:
            InvalidInputError: a variant names a provider that is not there, or weights break I1. A secret
                that cannot be resolved is no error here: it disables its provider alone.
        """
        upstreams.begin()
        compiler = _Compiler(snapshot, secrets, upstreams, telemetry)
        routes = {name: compiler.route(route) for name, route in snapshot.services.items()}
        upstreams.finish()
        principals = {key.sha256.lower(): _principal(key) for key in snapshot.keys}
        return cls(snapshot, principals, routes, RequestIds(bytes.fromhex(snapshot.mac_key), boot))

    def trials(self) -> Iterable[Trial]:
        """Every variant on trial in this table."""
        return (arm.trial for route in self.routes.values() for arm in route.arms if arm.trial is not None)

    def problems(self) -> tuple[str, ...]:
        """One sentence for each provider that a service uses and that cannot be used, for the operator's log."""
        legs = (leg for route in self.routes.values() for arm in route.arms for leg in arm.order)
        return tuple(sorted({leg.account.problem for leg in legs if leg.account.problem}))

    def weights(self) -> Iterable[tuple[str, str, int]]:
        """``(service, version, basis points)`` for telemetry."""
        return (
            (route.name, arm.route.version, arm.route.weight) for route in self.routes.values() for arm in route.arms
        )


class _Compiler:
    """Walks one snapshot."""

    def __init__(
        self, snapshot: Snapshot, secrets: Mapping[str, str], upstreams: Upstreams, telemetry: Telemetry
    ) -> None:
        self._providers = snapshot.providers
        self._upstreams = upstreams
        self._telemetry = telemetry
        self._accounts = {name: upstreams.account(provider, secrets) for name, provider in snapshot.providers.items()}

    def route(self, route: ServiceRoute) -> CompiledRoute:
        """One service. Without a version it answers 503 ``no_version``, and while its first one is probed to
        everybody who does not force that."""
        is_unserved = route.stable is None and not any(variant.weight for variant in route.variants)
        try:
            weights = None if is_unserved else arms_of(route)
        except ValueError as error:
            raise InvalidInputError(str(error), where=f"services.{route.name}") from None
        stable = next((variant for variant in route.variants if variant.name == route.stable), None)
        rescue = self._stable_order(route.name, stable) if stable else ()
        arms = tuple(self._arm(route, variant, rescue) for variant in route.variants)
        return CompiledRoute(route, arms, weights)

    def _arm(self, route: ServiceRoute, variant: VariantRoute, rescue: tuple[Leg, ...]) -> Arm:
        if variant.name == route.stable:
            return Arm(variant, rescue, None)
        release = route.release
        trial = Trial(route.name, release.id, release.attempt, variant.name) if release else None
        own = self._leg(Role.CANDIDATE, route.name, variant, variant.name, variant.version, variant.insertion)
        return Arm(variant, (own, *rescue), trial)

    def _stable_order(self, service: str, stable: VariantRoute) -> tuple[Leg, ...]:
        """Stable, then its fallbacks; each receives what stable would have received, in stable's time."""
        own = self._leg(Role.STABLE, service, stable, stable.name, stable.version, stable.insertion)
        fallbacks = (
            self._leg(
                Role.FALLBACK,
                service,
                stable,
                FALLBACK,
                f"{target.provider}/{target.model}",
                msgspec.structs.replace(stable.insertion, model=target.model),
                target.provider,
            )
            for target in stable.fallbacks
        )
        return (own, *fallbacks)

    def _leg(
        self,
        role: Role,
        service: str,
        route: VariantRoute,
        variant: str,
        version: str,
        insertion: Insertion,
        provider_name: str = "",
    ) -> Leg:
        provider = self._provider(provider_name or route.provider, f"services.{service}.{variant}")
        account = self._accounts[provider.name]
        deployment = self._upstreams.deployment(provider, account, insertion.model)
        price = _price(provider, insertion.model)
        series = self._telemetry.series(service, version, variant)
        return Leg(role, variant, version, insertion, account, deployment, price, series, route.timeouts)

    def _provider(self, name: str, where: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            raise InvalidInputError(
                f"the provider {name!r} is not declared",
                where=where,
                remedy=f"known: {', '.join(sorted(self._providers)) or 'none'}",
            )
        return provider


def _principal(key: AccessKey) -> Principal:
    return Principal(key.name, key.roles, key.services)


def _price(provider: Provider, model: str) -> Price | None:
    return provider.prices.get(model) or provider.prices.get("*")


def _references(arms: tuple[Arm, ...]) -> dict[str, Arm]:
    """How an operator may name a variant: its name, its version with or without service and digest."""
    named: dict[str, Arm] = {}
    for arm in arms:
        version = arm.route.version
        short = version.rpartition("/")[2]
        for reference in (arm.route.name, version, short, version.rpartition("-")[0], short.rpartition("-")[0]):
            if reference:
                named.setdefault(reference, arm)
    return named


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "backslashreplace")
