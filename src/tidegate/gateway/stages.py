"""The deciding stages of a request: synchronous, without I/O, each a function of the call so far.

A stage either adds what it found out or raises :class:`Refusal`; the list and the reasons for its order
stand in :mod:`tidegate.gateway.pipeline`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from tidegate.delivery.observation import Outcome
from tidegate.gateway.limits.reserving import reserve
from tidegate.gateway.refusals import Refusal
from tidegate.gateway.table import ANYBODY, Principal, RoutingTable
from tidegate.gateway.units import unit_for
from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.json_object import JsonObject
from tidegate.wire.reasoning.marks import SIGN, holds_marks
from tidegate.wire.request import read_request

if TYPE_CHECKING:
    from tidegate.delivery.traffic import Arms
    from tidegate.gateway.call import Call
    from tidegate.gateway.table import CompiledRoute

MOST_RECENT_KEYS = 10_000  # beyond it a key is hashed with each request
_BEARER = b"bearer "


def principal_of(table: RoutingTable, headers: dict[bytes, bytes]) -> Principal:
    """Whose key the request carries.

    Raises:
        Refusal: 401 without a known key, 403 when the key may not invoke.
    """
    key = headers.get(b"x-api-key")
    sent = key or headers.get(b"authorization") or b""
    known = table.recent.get(sent)
    if known is not None:
        return known
    secret = key or _bearer(sent)
    found = table.principals.get(sha256(secret).hexdigest()) if secret else None
    if found is None:
        if not table.is_open_access:
            raise _unknown_key(is_sent=bool(secret))
        found = ANYBODY
    if not found.can_invoke:
        raise Refusal(403, "missing_role", f"the key {found.name!r} lacks the role 'invoke'")
    if len(table.recent) < MOST_RECENT_KEYS:
        table.recent[sent] = found
    return found


def _bearer(authorization: bytes) -> bytes:
    return authorization[7:].strip() if authorization[:7].lower() == _BEARER else b""


def _unknown_key(*, is_sent: bool) -> Refusal:
    message = (
        "the key is unknown; check the credential you send"
        if is_sent
        else "no key was sent; send it as 'authorization: Bearer KEY' or 'x-api-key: KEY'"
    )
    return Refusal(401, "invalid_api_key", message)


def authenticate(call: Call) -> None:
    """Whose request it is."""
    call.principal = principal_of(call.table, call.request.headers)


def read(call: Call) -> None:
    """The few fields of the body that routing needs."""
    try:
        call.body = JsonObject.parse(call.request.body)
        call.facts = read_request(call.kind, call.body)
        if SIGN in call.request.body:
            call.sorts_reasoning = holds_marks(call.request.body)
    except MalformedBodyError as error:
        where = f" ({error.where})" if error.where and error.where not in error.message else ""
        raise Refusal(400, error.code, f"{error.message}{where}") from None


def find_service(call: Call) -> None:
    """The service that ``model`` names, if the key covers it and has not used up its limits."""
    name = call.facts.model
    route = call.table.routes.get(name)
    if route is None:
        raise Refusal(404, "model_not_found", f"there is no service {name!r}; GET /v1/models lists those you may use")
    if not call.principal.may_use(name):
        raise Refusal(
            403, "service_not_allowed", f"the key {call.principal.name!r} does not cover the service {name!r}"
        )
    call.route = route
    limiter = call.principal.limiter
    if limiter is not None:
        call.reservation = reserve(call, limiter)
    content = route.route.content
    if content is not None:
        call.gateway.content.begin(call, content)


def assign(call: Call) -> None:
    """The variant of the request's unit, or the one an operator asks for."""
    route = call.route
    assert route is not None
    headers = call.request.headers
    reference = headers.get(b"x-tidegate-force-version")
    if reference is not None and route.arms:
        _force(call, reference.decode("latin-1"))
        return
    if route.weights is None:
        call.outcome = Outcome.NO_VERSION
        raise Refusal(503, "no_version", f"the service {route.name!r} has no version yet; release one first")
    unit = unit_for(route, call.facts, call.body, headers.get(b"x-tidegate-unit"), call.request_id)
    weights = _targeted(call, route) or route.weights if route.targeted else route.weights
    index, call.unit_hash, call.propensity = weights.draw(unit.id)
    call.has_own_unit = unit.kind == "request"
    if route.pins is not None:
        index = route.pins.keep(call, unit.kind, index)
    call.arm = route.arms[index]


def _targeted(call: Call, route: CompiledRoute) -> Arms | None:
    """The weights of the first segment with its own that the request belongs to."""
    sent = call.request.headers.items()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent}
    facts, key = call.facts, call.principal.name
    return next(
        (arms for rule, arms in route.targeted if rule.holds(headers, facts.metadata, key, facts.user)),
        None,
    )


def _force(call: Call, reference: str) -> None:
    """An operator asks for one version: it answers itself, or its failure is the answer."""
    assert call.route is not None
    if not call.principal.can_force:
        raise Refusal(403, "missing_role", "x-tidegate-force-version needs a key with the role 'operator' or 'admin'")
    arm = call.route.by_reference.get(reference)
    if arm is None:
        known = ", ".join(sorted(arm.route.version for arm in call.route.arms))
        raise Refusal(
            404, "version_not_found", f"{reference!r} is no variant of {call.route.name!r} now; there are: {known}"
        )
    call.arm = arm
    call.is_forced = True


def reflect(call: Call) -> None:
    """Who is asked, in order: the gateway's own reflexes may leave out a candidate."""
    arm, route = call.arm, call.route
    assert arm is not None
    assert route is not None
    stable = route.stable
    if call.is_forced:
        call.order = arm.order[:1]
    elif stable is None or arm is stable:
        call.order = arm.order
    elif _is_lease_over(call):
        call.arm, call.propensity = stable, 10_000
        call.order = stable.order
    elif arm.trial is not None and (reason := call.gateway.trials.reason(arm.trial)):
        call.assigned_outcome = Outcome(reason)
        call.order = stable.order
    else:
        call.order = arm.order


def _is_lease_over(call: Call) -> bool:
    assert call.route is not None
    release = call.route.route.release
    return release is not None and release.on_lease_expiry == "stable" and not call.gateway.holder.is_lease_valid
