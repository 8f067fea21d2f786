"""A request for an upstream of the client's own dialect: its fields, with the version's share put in.

What a version puts where:

=============  ==============================  =====================  =====================
kind           system prompt                   few-shot               generation parameters
=============  ==============================  =====================  =====================
chat           first message                   after leading system   yes
messages       ``system``, as its first block  first messages         yes, Anthropic's names
count_tokens   the same, so that it counts     the same               no
responses      ``instructions``                first input items,     yes, its names
                                               unless it continues
completions    no                              no                     yes
embeddings     no                              no                     no
=============  ==============================  =====================  =====================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.field_plan import FieldPlan, is_worth_remembering
from tidegate.wire.kinds import Kind
from tidegate.wire.prepared import KNOWN_KEYS
from tidegate.wire.reasoning.messages_history import NO_THINKING
from tidegate.wire.splice import SMALL_BODY, Piece, assemble, is_null, put_first, splice_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidegate.wire.json_object import JsonObject
    from tidegate.wire.prepared import PreparedInsertion
    from tidegate.wire.request import RequestFacts

_INCLUDE_USAGE = b',"stream_options":{"include_usage":true}'
_Inserted = dict[str, list[Piece]]
_MOST_PLANS = 256


def render_request(
    kind: Kind, body: JsonObject, facts: RequestFacts, prepared: PreparedInsertion
) -> list[bytes | memoryview]:
    """The upstream's request body.

    Raises:
        MalformedBodyError: a field that the version touches has the wrong shape, or a template variable is
            missing.
    """
    fields = body.fields
    inserted = _INSERTERS[kind](fields, facts, prepared)
    if facts.stream and not facts.wants_usage and (kind is Kind.CHAT or kind is Kind.COMPLETIONS):
        inserted["stream_options"] = [_usage_asked(fields.get("stream_options"))]
    plan = prepared.plans.get(tuple(fields)) or _new_plan(fields, prepared)
    if not plan.holds_for(fields):
        plan = _plan_by_value(fields, prepared)
    pieces = plan.pieces(fields, inserted)
    return [b"".join(pieces)] if body.size <= SMALL_BODY else assemble(body.finished(pieces))


def _new_plan(fields: dict[str, msgspec.Raw], prepared: PreparedInsertion) -> FieldPlan:
    """The plan for the names of ``fields``, remembered where it is good for other values too."""
    names, plans = tuple(fields), prepared.plans
    if "thinking" in fields:
        return _plan_by_value(fields, prepared)
    plan = _plan(names, prepared, prepared.dropped)
    if is_worth_remembering(names):
        if len(plans) >= _MOST_PLANS:
            plans.clear()
        plans[names] = plan
    return plan


def _plan_by_value(fields: dict[str, msgspec.Raw], prepared: PreparedInsertion) -> FieldPlan:
    """The plan for these very values: null is no choice of the client where the version has one."""
    generation = prepared.generation
    names = tuple(
        name for name, raw in fields.items() if generation.names.get(name) not in generation.pieces or not is_null(raw)
    )
    dropped = prepared.dropped - {"thinking"} if fields.get("thinking") is NO_THINKING else prepared.dropped
    return _plan(names, prepared, dropped, is_thinking=_is_thinking(fields, prepared))


def _plan(
    names: tuple[str, ...], prepared: PreparedInsertion, dropped: frozenset[str], *, is_thinking: bool = False
) -> FieldPlan:
    """What to make of fields that have values, those of ``dropped`` apart."""
    generation = prepared.generation
    kept = {name: KNOWN_KEYS.get(name) or _key(name) for name in names if name not in dropped}
    given = {generation.names.get(name) for name in kept}
    if is_thinking:
        given |= {"temperature", "top_p", "top_k"}  # Anthropic refuses them beside thinking
    tail = [piece for name, piece in generation.pieces.items() if name not in given]
    checked = tuple(name for name in kept if generation.names.get(name) in generation.pieces)
    return FieldPlan(prepared.head, kept, [*tail, b"}"], checked)


def _is_thinking(fields: dict[str, msgspec.Raw], prepared: PreparedInsertion) -> bool:
    raw = fields.get("thinking")
    if raw is None or is_null(raw) or "thinking" in prepared.dropped:
        return False
    return "thinking" in prepared.generation.names or b"disabled" not in bytes(raw)


def _key(name: str) -> bytes:
    return b"," + msgspec.json.encode(name) + b":"


def _usage_asked(raw: msgspec.Raw | None) -> bytes:
    """``stream_options`` with usage asked for and the client's other options kept."""
    if raw is None or is_null(raw):
        return _INCLUDE_USAGE
    options: dict[str, Any] = msgspec.json.decode(raw)  # an object: read_request has checked it
    return b',"stream_options":' + msgspec.json.encode({**options, "include_usage": True})


def _insert_nothing(fields: dict[str, msgspec.Raw], facts: RequestFacts, prepared: PreparedInsertion) -> _Inserted:  # noqa: ARG001 - one signature for every kind
    return {}


def _insert_into_chat(fields: dict[str, msgspec.Raw], facts: RequestFacts, prepared: PreparedInsertion) -> _Inserted:
    message = prepared.system_message(facts.variables)
    if message is None and not prepared.few_shot:
        return {}
    raw = _required(fields, "messages")
    spliced = splice_messages("messages", raw, message, prepared.few_shot, prepared.policy)
    return {"messages": [KNOWN_KEYS["messages"], *spliced]}


def _insert_into_messages(
    fields: dict[str, msgspec.Raw], facts: RequestFacts, prepared: PreparedInsertion
) -> _Inserted:
    inserted: _Inserted = {}
    system = prepared.system(facts.variables)
    if system is not None:
        spliced = _spliced_system(fields.get("system"), system, prepared.policy)
        if spliced is not None:
            inserted["system"] = [KNOWN_KEYS["system"], *spliced]
    if prepared.few_shot:
        raw = _required(fields, "messages")
        inserted["messages"] = [KNOWN_KEYS["messages"], *put_first("messages", raw, prepared.few_shot)]
    return inserted


def _spliced_system(raw: msgspec.Raw | None, system: bytes, policy: str) -> list[Piece] | None:
    """Anthropic's ``system``, text or blocks; ``None`` when the client's own stays as it is."""
    own = None if raw is None or _is_blank(raw) else raw
    if own is None or policy == "replace":
        return [system]
    if policy == "keep":
        return None
    block = b'{"type":"text","text":' + system + b"}"
    if memoryview(own)[0] == ord('"'):
        return [b"[" + block + b',{"type":"text","text":', own, b"}]"]
    return put_first("system", own, block)


def _insert_into_responses(
    fields: dict[str, msgspec.Raw], facts: RequestFacts, prepared: PreparedInsertion
) -> _Inserted:
    inserted: _Inserted = {}
    system = prepared.system(facts.variables)
    if system is not None:
        instructions = _spliced_instructions(fields.get("instructions"), system, prepared.policy)
        if instructions is not None:
            inserted["instructions"] = [KNOWN_KEYS["instructions"], *instructions]
    continues = facts.previous_response_id is not None or "conversation" in fields
    if prepared.few_shot and not continues:
        raw = _required(fields, "input")
        if memoryview(raw)[0] == ord('"'):
            user: list[Piece] = [b'{"role":"user","content":', raw, b"}"]
            spliced: list[Piece] = [b"[" + prepared.few_shot + b",", *user, b"]"]
        else:
            spliced = splice_messages("input", raw, None, prepared.few_shot, "prepend")
        inserted["input"] = [KNOWN_KEYS["input"], *spliced]
    return inserted


def _spliced_instructions(raw: msgspec.Raw | None, system: bytes, policy: str) -> list[Piece] | None:
    """The Responses API's ``instructions``, one text; ``None`` when the client's own stays as it is."""
    own = None if raw is None or _is_blank(raw) else raw
    if own is None or policy == "replace":
        return [system]
    if policy == "keep":
        return None
    if memoryview(own)[0] != ord('"'):
        raise MalformedBodyError("the field 'instructions' must be a string", where="instructions")
    return [system[:-1], b"\\n\\n", memoryview(own)[1:]]


def _is_blank(raw: msgspec.Raw) -> bool:
    """Nothing was said: null, an empty text, an empty list."""
    return len(raw) <= 4 and bytes(raw) in (b"null", b'""', b"[]")


def _required(fields: dict[str, msgspec.Raw], name: str) -> msgspec.Raw:
    raw = fields.get(name)
    if raw is None:
        raise MalformedBodyError(f"the field {name!r} is missing", where=name)
    return raw


_INSERTERS: dict[Kind, Callable[[dict[str, msgspec.Raw], RequestFacts, PreparedInsertion], _Inserted]] = {
    Kind.CHAT: _insert_into_chat,
    Kind.COMPLETIONS: _insert_nothing,
    Kind.EMBEDDINGS: _insert_nothing,
    Kind.RESPONSES: _insert_into_responses,
    Kind.MESSAGES: _insert_into_messages,
    Kind.COUNT_TOKENS: _insert_into_messages,
}
