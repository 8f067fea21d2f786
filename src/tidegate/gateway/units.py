"""Which unit a request belongs to, as far as the gateway reads it from headers and text."""

from __future__ import annotations

import msgspec
from mmh3 import hash64

from tidegate.delivery.traffic import Unit, unit_of
from tidegate.gateway.table import CompiledRoute
from tidegate.wire.json_object import JsonObject
from tidegate.wire.request import RequestFacts

LONGEST_UNIT = 512


class _Turn(msgspec.Struct):
    role: str = ""


_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_TURN = msgspec.json.Decoder(_Turn)
_TURNS = msgspec.json.Decoder(list[_Turn])


def unit_for(
    route: CompiledRoute, facts: RequestFacts, body: JsonObject, header: bytes | None, request_id: str
) -> Unit:
    """The unit that is assigned: the header's, the conversation's, the user's or the request itself."""
    conversation = facts.conversation or facts.previous_response_id
    user = facts.user
    if route.route.derive_conversation and not conversation and not user:
        conversation = opening_of(body)
    named = header[:LONGEST_UNIT].decode("latin-1") if header else None
    return unit_of(route.route.unit, named, conversation, user, request_id)


def user_turns(body: JsonObject) -> int:
    """How many messages of the user a conversation has so far; 0 where that cannot be read."""
    raw = body.fields.get("messages")
    try:
        return sum(turn.role == "user" for turn in _TURNS.decode(raw)) if raw is not None else 0
    except msgspec.DecodeError:
        return 0


def opening_of(body: JsonObject) -> str | None:
    """A name for the conversation from its opening: everything up to the first user message.

    Later turns repeat their history, so the opening stays while the conversation grows.
    """
    raw = body.fields.get("messages") or body.fields.get("input")
    if raw is None:
        return None
    try:
        turns = _LIST.decode(raw)
        opening: list[bytes] = []
        for turn in turns:
            opening.append(bytes(turn))
            if _TURN.decode(turn).role == "user":
                high, low = hash64(b"\n".join(opening), signed=False)
                return f"text:{high:016x}{low:016x}"
    except msgspec.DecodeError:
        return None
    return None
