"""``POST /v1/feedback``: checked here, attributed in control. It is accepted at once and never waits for anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tidegate.delivery.feedback import Feedback, read_feedback
from tidegate.delivery.records import FeedbackRecord
from tidegate.delivery.request_id import read_request_id
from tidegate.delivery.traffic import subject_hash
from tidegate.errors import InvalidInputError
from tidegate.gateway.refusals import Refusal
from tidegate.gateway.stages import principal_of

if TYPE_CHECKING:
    from tidegate.gateway.http.server import Request
    from tidegate.gateway.table import Principal, RoutingTable

MOST_BODY_BYTES = 262_144
LONGEST_IDEMPOTENCY_KEY = 200


def take_feedback(table: RoutingTable, request: Request, now_us: int) -> FeedbackRecord:
    """The record of a feedback request.

    A request id proves by its MAC that one of our gateways made it; which service it belongs to, and whether the
    key covers that, control finds out when it attributes the verdict.

    Raises:
        Refusal: the key, the body or the id is wrong.
    """
    principal = principal_of(table, request.headers)
    if len(request.body) > MOST_BODY_BYTES:
        raise Refusal(413, "body_too_large", f"feedback takes at most {MOST_BODY_BYTES} bytes; shorten the texts")
    once = request.headers.get(b"idempotency-key", b"")
    if len(once) > LONGEST_IDEMPOTENCY_KEY:
        raise Refusal(400, "bad_feedback", f"idempotency-key has more than {LONGEST_IDEMPOTENCY_KEY} characters")
    try:
        said = read_feedback(bytes(request.body))
        if said.request_id:
            read_request_id(said.request_id, bytes.fromhex(table.snapshot.mac_key))
    except InvalidInputError as error:
        raise Refusal(400, error.code, str(error)) from None
    return FeedbackRecord(
        at_us=now_us,
        key=principal.name,
        name=said.name,
        value=said.value,
        request_id=said.request_id or "",
        service="" if said.request_id else said.service or "",
        services=tuple(sorted(principal.services)),
        unit_hash=_unit(table, principal, said),
        source=said.source,
        comment=said.comment,
        demonstration=said.demonstration,
        once=once.decode("latin-1"),
    )


def accepted(record: FeedbackRecord) -> bytes:
    """The answer."""
    told = {"object": "feedback", "accepted": True, "name": record.name, "request_id": record.request_id or None}
    return msgspec.json.encode(told)


def _unit(table: RoutingTable, principal: Principal, said: Feedback) -> int:
    if said.request_id:
        return 0
    name = said.service or ""
    route = table.routes.get(name)
    if route is None:
        raise Refusal(404, "model_not_found", f"there is no service {name!r}; GET /v1/models lists those you may use")
    if not principal.may_use(name):
        raise Refusal(403, "service_not_allowed", f"the key {principal.name!r} does not cover the service {name!r}")
    return subject_hash(route.route.salt, said.named_unit)
