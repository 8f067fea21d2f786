"""The routing table as the hot path reads it: a snapshot compiled into dicts and tuples.

A table is immutable; a request keeps the one it started with, whatever is published meanwhile. What must
outlive a table (breakers, loads, counters) lives in :mod:`upstreams`, :mod:`cutoff` and :mod:`telemetry`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.delivery.request_id import RequestIds
from tidegate.delivery.traffic import Arms, SegmentRule
from tidegate.gateway.cutoff import Trial
from tidegate.gateway.rescue import Role, attempts_budget

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tidegate.delivery.snapshot import Price, ServiceRoute, Snapshot, Timeouts, VariantRoute
    from tidegate.gateway.http.heads import Block
    from tidegate.gateway.interleave.turns import TurnPlan
    from tidegate.gateway.limits.limiter import Limiter
    from tidegate.gateway.mirror.plan import MirrorPlan
    from tidegate.gateway.pins import PinKey, PinPlan
    from tidegate.gateway.telemetry import Series
    from tidegate.gateway.upstreams import Account, Deployment
    from tidegate.wire.insertion import Insertion

FALLBACK = "fallback"
_NO_RELEASE = "", 0, 0, 0

Header = tuple[bytes, bytes]


class Leg:
    """One place in the order of rescue: a deployment and what is sent there.

    Attributes:
        variant: name of the version's variant, or ``fallback``.
        version: version reference, or ``provider/model`` of a fallback.
        price: ``None`` when nobody told it.
        headers: what the answer says of who served it.
        blocks: by service, lines of headers that are the same for most of its answers; filled as they come.
        whole_seconds: how long an answer in one piece may take here. While somebody else could still be asked, that
            is a share of ``timeouts.total``, for nothing else tells a model that hangs from one that is slow.
    """

    __slots__ = (
        "account",
        "blocks",
        "deployment",
        "headers",
        "insertion",
        "price",
        "role",
        "series",
        "timeouts",
        "variant",
        "version",
        "whole_seconds",
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
        self.whole_seconds = timeouts.total
        self.role = role
        self.variant = variant
        self.version = version
        self.insertion = insertion
        self.account = account
        self.deployment = deployment
        self.price = price
        self.series = series
        self.blocks: dict[CompiledRoute, Block] = {}
        self.headers: tuple[Header, ...] = (
            (b"x-tidegate-version", _ascii(version)),
            (b"x-tidegate-variant", _ascii(variant)),
        )

    def is_free(self) -> bool:  # no property: those are slow, and this is asked for each request
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
        names: of the variant and of its version.
        order: its own leg first, then who rescues it.
        budget: attempts a request may cost.
        trial: what its hard failures count against; ``None`` for stable and outside releases.
    """

    __slots__ = ("budget", "names", "order", "route", "series", "trial")

    def __init__(self, route: VariantRoute, order: tuple[Leg, ...], trial: Trial | None) -> None:
        self.route = route
        self.names = route.name, route.version
        self.order = order
        self.trial = trial
        self.series = order[0].series
        self.budget = attempts_budget(route.max_attempts, has_candidate=order[0].role is Role.CANDIDATE)


class CompiledRoute:
    """A service as the hot path reads it.

    Attributes:
        arms: variants by the index that ``weights`` gives; empty without a first version.
        stable: the arm that rescues, ``None`` without one.
        targeted: segments whose units have weights of their own, in the order they are asked.
        mirror: which of stable's requests are copied, ``None`` where none are.
        context: release, attempt, step and round that observations name.
        pins: keeps conversations at their first variant, or lets their turns alternate; ``None`` where the hash alone
            decides.
    """

    __slots__ = (
        "arms",
        "by_reference",
        "context",
        "headers",
        "mirror",
        "name",
        "pins",
        "route",
        "segments",
        "stable",
        "targeted",
        "weights",
    )

    def __init__(
        self,
        route: ServiceRoute,
        arms: tuple[Arm, ...],
        weights: Arms | None,
        targeted: Sequence[tuple[str, Arms]] = (),
        mirror: MirrorPlan | None = None,
        pins: PinPlan | TurnPlan | None = None,
    ) -> None:
        self.route = route
        self.mirror = mirror
        self.pins = pins
        self.name = route.name
        self.arms = arms
        self.weights = weights
        self.stable = next((arm for arm in arms if arm.route.name == route.stable), None)
        self.by_reference = _references(arms)
        self.segments = tuple(SegmentRule(name, segment) for name, segment in route.segments.items())
        rules = {rule.name: rule for rule in self.segments}
        self.targeted = tuple((rules[name], found) for name, found in targeted if name in rules)
        release: tuple[Header, ...] = ((b"x-tidegate-release", _ascii(route.release.id)),) if route.release else ()
        self.headers: tuple[Header, ...] = (*release, (b"x-tidegate-cache", b"off"))
        told = route.release
        self.context = (told.id, told.attempt, told.step, told.round) if told is not None else _NO_RELEASE


class Principal:
    """Who is asking, and what the key allows; ``limiter`` is ``None`` where nothing limits it."""

    __slots__ = ("can_force", "can_invoke", "limiter", "name", "services")

    def __init__(
        self, name: str, roles: Iterable[str], services: Iterable[str], limiter: Limiter | None = None
    ) -> None:
        held = frozenset(roles)
        self.name = name
        self.limiter = limiter
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

    def trials(self) -> Iterable[Trial]:
        """Every variant on trial in this table."""
        return (arm.trial for route in self.routes.values() for arm in route.arms if arm.trial is not None)

    def mirrors(self) -> Iterable[MirrorPlan]:
        """What is mirrored by this table."""
        return (route.mirror for route in self.routes.values() if route.mirror is not None)

    def pins(self) -> Iterable[PinKey]:
        """Attempts whose conversations are pinned."""
        keys = (route.pins.key for route in self.routes.values() if route.pins is not None)
        return (key for key in keys if key is not None)

    def problems(self) -> tuple[str, ...]:
        """One sentence for each provider that a service uses and that cannot be used, for the operator's log."""
        legs = (leg for route in self.routes.values() for arm in route.arms for leg in arm.order)
        return tuple(sorted({leg.account.problem for leg in legs if leg.account.problem}))

    def weights(self) -> Iterable[tuple[str, str, int]]:
        """``(service, version, basis points)`` for telemetry."""
        return (
            (route.name, arm.route.version, arm.route.weight) for route in self.routes.values() for arm in route.arms
        )


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
