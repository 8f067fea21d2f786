"""The route of one service, from what is declared, what is stable and where its release is.

Snapshots are made of these. The function is pure and total, so *is the published route the right one* is an
equality, and a route edited by hand or lost in a crash is simply written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from tidegate.delivery.bundle import Bundle, TimeoutsSpec
from tidegate.delivery.release import STABLE, Phase, ReleaseSpec, ReleaseState
from tidegate.delivery.service import ContentSpec, ServiceSpec
from tidegate.delivery.snapshot import (
    TOTAL_WEIGHT,
    ContentPolicy,
    ReleaseContext,
    ServiceRoute,
    Target,
    Timeouts,
    VariantRoute,
)
from tidegate.delivery.steps import OWN_LAYER, Decide, Interleave
from tidegate.delivery.strategy import compile_program
from tidegate.wire.insertion import Insertion

Versioned = tuple[str, Bundle]  # full reference and content
Trial = tuple[ReleaseSpec, ReleaseState, Mapping[str, Bundle]]  # contents by the full references of its arms

# The phases in which gateways know the candidate. While rolling back they do not: nothing can reach it any more,
# and requests under way keep the snapshot they started with.
_WITH_CANDIDATE = frozenset({Phase.GATING, Phase.PROGRESSING, Phase.PROMOTING, Phase.DRAINING})


def service_route(
    name: str,
    service: ServiceSpec,
    salt: str,
    stable: Versioned | None,
    release: Trial | None,
    *,
    is_frozen: bool,
    previous: Versioned | None = None,
) -> ServiceRoute:
    """How gateways serve the service.

    Args:
        name: of the service.
        service: as declared.
        salt: of its assignment.
        stable: the version its pointer names, ``None`` before the first one.
        release: the one that is not in pending or a terminal phase, with the content of its arms; ``None`` without.
        is_frozen: everything goes to stable, whatever the release wants.
        previous: the version stable before the commit, which draining keeps warm.
    """
    if release is None or is_frozen or release[1].phase not in _WITH_CANDIDATE:
        return _route(name, service, salt, _alone(service, stable), service.unit, None)
    spec, state, contents = release
    before = previous if state.phase is Phase.DRAINING else stable
    if state.phase is Phase.DRAINING and before is None:
        return _route(name, service, salt, _alone(service, stable), service.unit, None)
    variants = [
        variant_route(arm, reference, contents[reference], state.split.get(arm, 0), service, slot=_slot(state, arm))
        for arm, reference in state.arms.items()
    ]
    if before is not None:
        variants.insert(0, variant_route(STABLE, *before, TOTAL_WEIGHT - state.weight, service))
    unit = spec.assignment.unit or service.unit
    context = _context(spec, state, before is None)
    route = _route(name, service, salt, tuple(variants), unit, context, state.targets)
    return msgspec.structs.replace(route, layer=_layer(spec, state))


def variant_route(
    name: str, reference: str, bundle: Bundle, weight: int, service: ServiceSpec, *, slot: int = 0
) -> VariantRoute:
    """One arm: the version's own settings over the service's over the built-in ones."""
    return VariantRoute(
        name=name,
        version=reference,
        weight=weight,
        slot=slot,
        provider=bundle.provider,
        insertion=Insertion(
            model=bundle.upstream_model,
            system=bundle.prompt.system,
            variables=bundle.prompt.variables,
            system_policy=bundle.prompt.system_policy,
            few_shot=bundle.prompt.few_shot,
            generation=bundle.generation,
            overridable=service.overrides,
        ),
        fallbacks=_fallbacks(bundle, service),
        timeouts=_timeouts(bundle.routing.timeouts or TimeoutsSpec(), service.timeouts),
        max_attempts=bundle.routing.max_attempts or service.max_attempts,
    )


def _route(
    name: str,
    service: ServiceSpec,
    salt: str,
    variants: tuple[VariantRoute, ...],
    unit: str,
    context: ReleaseContext | None,
    targets: Mapping[str, dict[str, int]] = MappingProxyType({}),
) -> ServiceRoute:
    return ServiceRoute(
        name=name,
        stable=STABLE if any(variant.name == STABLE for variant in variants) else None,
        variants=variants,
        salt=salt,
        unit=unit,  # type: ignore[arg-type]  # one of the three by ServiceSpec and AssignmentSpec
        derive_conversation=service.derive_conversation,
        segments=service.segments,
        release=context,
        targets={segment: split for segment, split in targets.items() if segment in service.segments},
        content=_content(service.content),
    )


def _content(spec: ContentSpec) -> ContentPolicy | None:
    sample = round(spec.sample * TOTAL_WEIGHT)
    if spec.keep == "off" or not sample:
        return None
    return ContentPolicy(sample=sample, redact=spec.keep == "redacted", keep_seconds=int(spec.retain))


def _slot(state: ReleaseState, arm: str) -> int:
    """Points that stay free after an arm was taken out; once everybody gets one version none do."""
    removal = state.removed.get(arm)
    return removal.slot if removal is not None and state.phase is Phase.PROGRESSING else 0


def _layer(spec: ReleaseSpec, state: ReleaseState) -> str:
    """An experiment draws anew, whatever earlier releases gave to whom."""
    program = compile_program(spec.strategy)
    return state.id if program.layer == OWN_LAYER else program.layer


def _alone(service: ServiceSpec, stable: Versioned | None) -> tuple[VariantRoute, ...]:
    return (variant_route(STABLE, *stable, TOTAL_WEIGHT, service),) if stable else ()


def _alternates(spec: ReleaseSpec, state: ReleaseState) -> bool:
    """Whether the turns of a conversation go to both versions now."""
    step = compile_program(spec.strategy).step_at(state.step)
    is_asked = isinstance(step, Interleave) and step.mirroring is None
    return is_asked and state.phase is Phase.PROGRESSING and bool(state.weight)


def _context(spec: ReleaseSpec, state: ReleaseState, is_first: bool) -> ReleaseContext:
    """Once committed the candidate *is* stable, and without a stable there is nothing to revert to: gateways
    cut off from control then hold what they have."""
    is_held = is_first or state.phase is Phase.DRAINING
    return ReleaseContext(
        id=state.id,
        attempt=state.attempt,
        step=state.step,
        round=state.round,
        on_lease_expiry="hold" if is_held else "stable",
        mirroring=None if is_first else state.mirroring,
        pins=not (is_first or _alternates(spec, state)) and _pins(state),
        pins_units=not is_first and _is_reweighted(spec, state),
        alternates=_alternates(spec, state),
    )


def _pins(state: ReleaseState) -> bool:
    """While variants serve side by side, and after that until the old version is gone. A switch without any split
    (``direct``, ``blue_green``) moves everybody at once."""
    if state.phase is Phase.PROGRESSING:
        return bool(state.weight or state.targets)
    return state.phase in {Phase.PROMOTING, Phase.DRAINING} and state.step > 0


def _is_reweighted(spec: ReleaseSpec, state: ReleaseState) -> bool:
    """Whether the weights of the step under way go up and down, so that the hash alone would move units about."""
    step = compile_program(spec.strategy).step_at(state.step)
    return state.phase is Phase.PROGRESSING and isinstance(step, Decide) and step.reweighting is not None


def _fallbacks(bundle: Bundle, service: ServiceSpec) -> tuple[Target, ...]:
    names = dict.fromkeys((*bundle.routing.fallbacks, *service.fallbacks))
    names.pop(bundle.model, None)  # never rescue a deployment with itself
    parts = (name.partition("/") for name in names)
    return tuple(Target(provider=provider, model=model) for provider, _, model in parts)


def _timeouts(own: TimeoutsSpec, service: TimeoutsSpec) -> Timeouts:
    chosen = {
        name: float(value)
        for name in Timeouts.__struct_fields__
        if (value := _first(getattr(own, name), getattr(service, name))) is not None
    }
    return Timeouts(**chosen)


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
