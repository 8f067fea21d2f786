"""Compiles snapshots into routing tables."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tidegate.delivery.request_id import RequestIds
from tidegate.delivery.snapshot import Price, Provider, ServiceRoute, Snapshot, VariantRoute
from tidegate.delivery.traffic import Arms, arms_of, targeted_arms
from tidegate.errors import InvalidInputError
from tidegate.gateway.cutoff import Trial
from tidegate.gateway.interleave.turns import TurnPlan
from tidegate.gateway.limits.limiters import Limiters
from tidegate.gateway.mirror.plan import MirrorPlan
from tidegate.gateway.mirror.tally import MirrorKey
from tidegate.gateway.pins import PinKey, PinPlan, Pins
from tidegate.gateway.rescue import Role, attempts_budget
from tidegate.gateway.table import FALLBACK, Arm, CompiledRoute, Leg, Principal, RoutingTable
from tidegate.gateway.telemetry import Series, Telemetry
from tidegate.gateway.upstreams import Upstreams
from tidegate.wire.insertion import Insertion


def compile_table(
    snapshot: Snapshot,
    secrets: Mapping[str, str],
    *,
    upstreams: Upstreams,
    telemetry: Telemetry,
    boot: bytes,
    pins: Pins | None = None,
    limiters: Limiters | None = None,
) -> RoutingTable:
    """Build the table of ``snapshot``.

    Args:
        snapshot: what control published.
        secrets: literal secrets that the snapshot refers to as ``memory:NAME``.
        upstreams: deployments of this process, shared by successive tables.
        telemetry: series of this process.
        boot: six bytes that differ between processes, for request ids.
        pins: of this process; ``None`` makes tables that nobody shares.
        limiters: of this process's limited keys; ``None`` makes some that nobody shares.

    Raises:
        InvalidInputError: a variant names a provider that is not there, or weights break I1. A secret
            that cannot be resolved is no error here: it disables its provider alone.
    """
    upstreams.begin()
    compiler = _Compiler(snapshot, secrets, upstreams, telemetry, pins or Pins())
    routes = {name: compiler.route(route) for name, route in snapshot.services.items()}
    upstreams.finish()
    limiters = limiters or Limiters(lambda: True)
    limiters.keep(snapshot.keys)
    principals = {
        key.sha256.lower(): Principal(key.name, key.roles, key.services, limiters.of(key.name)) for key in snapshot.keys
    }
    return RoutingTable(snapshot, principals, routes, RequestIds(bytes.fromhex(snapshot.mac_key), boot))


class _Compiler:
    """Walks one snapshot."""

    def __init__(
        self, snapshot: Snapshot, secrets: Mapping[str, str], upstreams: Upstreams, telemetry: Telemetry, pins: Pins
    ) -> None:
        self._pins = pins
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
            targeted = targeted_arms(route)
        except ValueError as error:
            raise InvalidInputError(str(error), where=f"services.{route.name}") from None
        stable = next((variant for variant in route.variants if variant.name == route.stable), None)
        rescue = self._stable_order(route.name, stable) if stable else ()
        arms = tuple(self._arm(route, variant, rescue) for variant in route.variants)
        return CompiledRoute(route, arms, weights, targeted, self._mirror(route, arms), self._pin_plan(route, weights))

    def _pin_plan(self, route: ServiceRoute, weights: Arms | None) -> PinPlan | TurnPlan | None:
        release = route.release
        if release is not None and release.alternates and weights is not None and len(route.variants) == 2:
            return TurnPlan(route, weights)
        if release is None or not release.pins or weights is None:
            return None
        return PinPlan(route, weights, self._pins.table(PinKey(route.name, release.id, release.attempt)))

    def _mirror(self, route: ServiceRoute, arms: tuple[Arm, ...]) -> MirrorPlan | None:
        """Copies go to the candidate under a load, breaker and counts of their own: they cost users nothing."""
        release = route.release
        if release is None or release.mirroring is None or route.stable is None:
            return None
        arm = next((arm for arm in arms if arm.route.name != route.stable), None)
        if arm is None:
            return None
        key = MirrorKey(route.name, release.id, release.attempt, release.step)
        own, provider = arm.order[0], self._providers[arm.route.provider]
        if release.mirroring.patience is not None:  # users see it: it has a place among their requests
            return MirrorPlan(key, Arm(arm.route, (own,), arm.trial), release.mirroring, own.account.load)
        account = self._upstreams.beside(own.account)
        deployment = self._upstreams.deployment(provider, account, f"{own.insertion.model} (mirror)")
        series = Series(route.name, own.version, "mirror")  # shown nowhere: copies are no user's requests
        leg = Leg(
            own.role,
            own.variant,
            own.version,
            own.insertion,
            account,
            deployment,
            own.price,
            series,
            own.timeouts,
        )
        return MirrorPlan(key, Arm(arm.route, (leg,), None), release.mirroring, own.account.load)

    def _arm(self, route: ServiceRoute, variant: VariantRoute, rescue: tuple[Leg, ...]) -> Arm:
        if variant.name == route.stable:
            return Arm(variant, rescue, None)
        release = route.release
        trial = Trial(route.name, release.id, release.attempt, variant.name) if release else None
        own = self._leg(Role.CANDIDATE, route.name, variant, variant.name, variant.version, variant.insertion)
        return Arm(variant, (own, *rescue), trial)

    def _stable_order(self, service: str, stable: VariantRoute) -> tuple[Leg, ...]:
        """Stable, then its fallbacks; each receives what stable would have received, in stable's time, of which those
        that an attempt is left for have equal shares."""
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
        order = (own, *fallbacks)
        asked = min(len(order), attempts_budget(stable.max_attempts, has_candidate=False))
        for leg in order[: asked - 1]:
            leg.whole_seconds = stable.timeouts.total / asked
        return order

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


def _price(provider: Provider, model: str) -> Price | None:
    return provider.prices.get(model) or provider.prices.get("*")
