"""What becomes of every top-level request field when it crosses to the other dialect.

Four treatments, closed:

* *kept*: same name, same meaning, passed as it is;
* *mapped*: rebuilt by :mod:`chat_request` or :mod:`messages_request`;
* *dropped*: no counterpart, and leaving it out changes no promise the answer makes (hints, bookkeeping);
* *refused*: no counterpart, and the client would get something else than it asked for, so it is told.

A field whose value is inactive (``null``, or one of its ``idle`` values) is left out whatever its treatment.
A field neither table knows is refused: silence about ``guided_json`` would be a wrong answer later.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from tidegate.wire.dialect_errors import THREADS_UNSUPPORTED
from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.splice import is_null

OWN_FIELD: Final = "tidegate"
"""Our field in a client's body; it never goes upstream."""

LONGEST_IDLE: Final = 32
"""Bytes of the longest value that can ask for nothing."""


class Treatment(StrEnum):
    """What happens to a field on its way to the other dialect."""

    KEPT = "kept"
    MAPPED = "mapped"
    DROPPED = "dropped"
    REFUSED = "refused"


class FieldRule(msgspec.Struct, frozen=True):
    """One row of a table.

    Attributes:
        treatment: what happens to an active value.
        note: the counterpart, or why it may be dropped, or what to do instead of a refused field.
        idle: values that ask for nothing, besides ``null``.
        code: what a refusal is called where clients act on it; empty: like every other.
    """

    treatment: Treatment
    note: str
    idle: tuple[Any, ...] = ()
    code: str = ""


def _kept(note: str = "same in both dialects") -> FieldRule:
    return FieldRule(Treatment.KEPT, note)


def _mapped(note: str) -> FieldRule:
    return FieldRule(Treatment.MAPPED, note)


def _dropped(note: str) -> FieldRule:
    return FieldRule(Treatment.DROPPED, note)


def _refused(note: str, *idle: Any, code: str = "") -> FieldRule:
    return FieldRule(Treatment.REFUSED, note, idle, code)


CHAT_TO_MESSAGES: Final[dict[str, FieldRule]] = {
    "model": _kept(),
    "stream": _kept(),
    "messages": _mapped("messages and system"),
    "max_tokens": _mapped("max_tokens"),
    "max_completion_tokens": _mapped("max_tokens"),
    "temperature": _mapped("temperature, cut to 0..1, unless thinking"),
    "top_p": _mapped("top_p, unless temperature is set too: current models accept only one"),
    "top_k": _mapped("top_k, unless thinking: an extension for OpenAI clients"),
    "thinking": _kept("an extension for OpenAI clients"),
    "stop": _mapped("stop_sequences"),
    "tools": _mapped("tools"),
    "tool_choice": _mapped("tool_choice"),
    "parallel_tool_calls": _mapped("tool_choice.disable_parallel_tool_use"),
    "response_format": _mapped("a tool the model must call, or output_config.format"),
    "user": _mapped("metadata.user_id"),
    "safety_identifier": _mapped("metadata.user_id"),
    "stream_options": _mapped("decides whether a usage chunk is sent"),
    "frequency_penalty": _dropped("a sampling nudge"),
    "presence_penalty": _dropped("a sampling nudge"),
    "seed": _dropped("best effort in its own dialect"),
    "reasoning_effort": _dropped("a hint; models differ in how thinking is switched on, a version sets `thinking`"),
    "verbosity": _dropped("a hint"),
    "metadata": _dropped("bookkeeping of the provider"),
    "store": _dropped("bookkeeping of the provider"),
    "service_tier": _dropped("the provider's tiers differ"),
    "prediction": _dropped("only speeds up"),
    "prompt_cache_key": _dropped("only speeds up"),
    "prompt_cache_options": _dropped("only speeds up"),
    "prompt_cache_retention": _dropped("only speeds up"),
    "logprobs": _refused("leave it out, the upstream reports no log probabilities", False),
    "top_logprobs": _refused("leave it out, the upstream reports no log probabilities", 0),
    "logit_bias": _refused("leave it out, token ids differ between models", {}),
    "n": _refused("send one request per choice", 1),
    "modalities": _refused("only text comes back", ["text"]),
    "audio": _refused("only text comes back"),
    "web_search_options": _refused("offer a search tool of your own"),
    "functions": _refused("use `tools`", []),
    "function_call": _refused("use `tool_choice`", "none", "auto"),
    "moderation": _refused("the upstream moderates by its own rules"),
}
"""Fields of an OpenAI chat request towards an Anthropic upstream."""

MESSAGES_TO_CHAT: Final[dict[str, FieldRule]] = {
    "model": _kept(),
    "stream": _kept(),
    "temperature": _kept("0..1 lies within 0..2"),
    "top_p": _kept(),
    "messages": _mapped("messages"),
    "system": _mapped("the first message"),
    "max_tokens": _mapped("max_tokens, or max_completion_tokens where the model wants it"),
    "stop_sequences": _mapped("stop"),
    "tools": _mapped("tools"),
    "tool_choice": _mapped("tool_choice and parallel_tool_calls"),
    "metadata": _mapped("user"),
    "output_config": _mapped("response_format; effort is a hint and is dropped"),
    "output_format": _mapped("response_format"),
    "top_k": _dropped("a sampling nudge that OpenAI's own API rejects"),
    "thinking": _dropped("the upstream reasons as its version is configured"),
    "cache_control": _dropped("only speeds up"),
    "context_management": _dropped("only trims what the client may send whole"),
    "service_tier": _dropped("the provider's tiers differ"),
    "speed": _dropped("only speeds up"),
    "diagnostics": _dropped("bookkeeping of the provider"),
    "user_profile_id": _dropped("bookkeeping of the provider"),
    "workspace_id": _dropped("bookkeeping of the provider"),
    "betas": _dropped("switches of the provider"),
    "inference_geo": _refused("a place of inference cannot be promised by another provider"),
    "container": _refused("code runs only at its own provider"),
    "mcp_servers": _refused("offer the servers' tools as your own", []),
    "thread": _refused(  # clients that know this code send the whole conversation instead
        "the provider keeps no conversations, send all messages", code=THREADS_UNSUPPORTED
    ),
    "prefill": _refused("end `messages` with the words of the assistant"),
}
"""Fields of an Anthropic messages request towards an OpenAI chat upstream."""


def check_fields(fields: Mapping[str, msgspec.Raw], table: dict[str, FieldRule], towards: str) -> tuple[str, ...]:
    """Hold a client's fields against ``table``; return the names of active ones that will be dropped.

    Only the client's own fields are checked: what a version sets and the upstream does not know is left out.

    Args:
        fields: the top level of a request in the client's dialect.
        table: the direction's rules.
        towards: how the upstream is named in an error, such as ``"an Anthropic upstream"``.

    Raises:
        MalformedBodyError: an active field is refused or unknown.
    """
    dropped = []
    for name, raw in fields.items():
        rule = table.get(name)
        if is_null(raw) or name == OWN_FIELD:
            continue
        if rule is None:
            raise MalformedBodyError(f"`{name}` has no counterpart at {towards}, leave it out", where=name)
        if rule.treatment is Treatment.REFUSED and not _is_idle(raw, rule):
            message = f"`{name}` has no counterpart at {towards}: {rule.note}"
            raise MalformedBodyError(message, code=rule.code or None, where=name)
        if rule.treatment is Treatment.DROPPED:
            dropped.append(name)
    return tuple(dropped)


def decode_fields(fields: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    """The values of a client's fields, without our own.

    Raises:
        MalformedBodyError: a number inside is out of range.
    """
    decoded = {}
    for name, raw in fields.items():
        try:
            if name != OWN_FIELD:
                decoded[name] = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedBodyError(f"the field {name!r} is wrong: {error}", where=name) from None
    return decoded


def kept_fields(body: dict[str, Any], table: dict[str, FieldRule]) -> dict[str, Any]:
    """The non-null fields of ``body`` that cross as they are."""
    return {
        name: value
        for name, value in body.items()
        if value is not None and (rule := table.get(name)) is not None and rule.treatment is Treatment.KEPT
    }


def _is_idle(raw: msgspec.Raw, rule: FieldRule) -> bool:
    """Whether the value asks for nothing; ``True`` is not ``1``."""
    return len(raw) <= LONGEST_IDLE and any(
        type(value) is type(idle) and value == idle for value in (msgspec.json.decode(raw),) for idle in rule.idle
    )
