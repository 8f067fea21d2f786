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
from tidegate.wire.kinds import Kind
from tidegate.wire.prepared import KNOWN_KEYS
from tidegate.wire.splice import Piece, assemble, is_null, put_first, splice_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidegate.wire.json_object import JsonObject
    from tidegate.wire.prepared import PreparedInsertion
    from tidegate.wire.request import RequestFacts

_INCLUDE_USAGE = b',"stream_options":{"include_usage":true}'
_Inserted = dict[str, list[Piece]]


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
    pieces: list[Piece] = [prepared.head]
    given = _append_fields(fields, inserted, prepared, pieces)
    for value in inserted.values():
        pieces += value
    defaults = prepared.generation.pieces
    if defaults:
        if "thinking" in given:
            given |= {"temperature", "top_p", "top_k"}  # Anthropic refuses them beside thinking
        pieces += [piece for name, piece in defaults.items() if name not in given]
    pieces.append(b"}")
    return assemble(pieces)


def _append_fields(
    fields: dict[str, msgspec.Raw], inserted: _Inserted, prepared: PreparedInsertion, pieces: list[Piece]
) -> set[str]:
    """Append what the client sent; inserted fields stand where theirs stood.

    Returns the parameters among the version's defaults that the client set, and ``thinking``.
    """
    plain = prepared.plain
    dropped = prepared.dropped
    names = prepared.generation.names
    defaults = prepared.generation.pieces
    given: set[str] = set()
    for key, raw in fields.items():
        if key in inserted:
            pieces += inserted.pop(key)
            continue
        prefix = plain.get(key)
        if prefix is not None:
            pieces += (prefix, raw)
            continue
        if key in dropped:
            continue
        parameter = names.get(key)
        if parameter is not None:
            if parameter in defaults and is_null(raw):
                continue
            given.add(parameter)
        elif key == "thinking" and b"disabled" not in bytes(raw) and not is_null(raw):
            given.add(key)
        pieces.append(KNOWN_KEYS.get(key) or _key(key))
        pieces.append(raw)
    return given


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
    system = prepared.system(facts.variables)
    if system is None and not prepared.few_shot:
        return {}
    message = None if system is None else b'{"role":"system","content":' + system + b"}"
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
