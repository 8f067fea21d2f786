"""Generation parameters: OpenAI's names in a bundle, each endpoint's own names on the wire."""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.wire.kinds import Kind

DEFAULT_MAX_TOKENS = 4096
"""``max_tokens`` towards Anthropic, which requires it, when neither client nor bundle names one."""

_GROUPS = {
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
    "reasoning": "reasoning_effort",
}
# What `overridable` locks although the bundle does not set it. Fields that shape the answer rather than
# its text (n, tools, response_format, logprobs) are the client's own unless the bundle sets them.
_SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "stop",
    "stop_sequences",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "logit_bias",
    "reasoning_effort",
)
_ANTHROPIC = frozenset({"temperature", "top_p", "top_k", "max_tokens", "stop_sequences", "thinking", "service_tier"})
_RESPONSES = frozenset(
    {"temperature", "top_p", "max_output_tokens", "reasoning", "truncation", "service_tier", "top_logprobs", "store"}
)
_CHAT_ONLY = frozenset({"reasoning_effort", "response_format", "tools", "tool_choice", "parallel_tool_calls"})
_STRUCTURE = frozenset(
    {"model", "messages", "input", "prompt", "system", "instructions", "stream", "stream_options", "metadata", "user"}
    | {"tidegate"}
)


class GenerationDefaults(msgspec.Struct, frozen=True):
    """A bundle's parameters, ready for one kind of request.

    Attributes:
        pieces: parameter -> ``,"name":value`` as it is written into the body.
        locked: client fields that never go upstream.
        names: client field -> the parameter it spells (``max_completion_tokens`` -> ``max_tokens``).
    """

    pieces: dict[str, bytes]
    locked: frozenset[str]
    names: dict[str, str]


def parameter(name: str) -> str:
    """The parameter that a field spells: ``max_tokens`` and ``max_completion_tokens`` are one."""
    return _GROUPS.get(name, name)


def generation_defaults(
    kind: Kind, generation: dict[str, Any], overridable: tuple[str, ...] | None
) -> GenerationDefaults:
    """What ``generation`` means for requests of ``kind``.

    A locked parameter (not in ``overridable``) never comes from the client: the bundle's value stands in
    for it, or, when the bundle sets none, the upstream's own default. Anthropic's required ``max_tokens`` is
    the exception and stays the client's.
    """
    if kind in (Kind.EMBEDDINGS, Kind.COUNT_TOKENS):
        return GenerationDefaults({}, frozenset(), {})
    settled = settle_names(kind, generation)
    locked: frozenset[str] = frozenset()
    if overridable is not None:
        free = {parameter(name) for name in overridable}
        if kind is Kind.MESSAGES and "max_tokens" not in settled:
            free.add("max_tokens")
        locked = frozenset(name for name in (*_SAMPLING, *settled) if parameter(name) not in free)
        if "reasoning_effort" in locked and "reasoning" in settled:
            locked |= {"reasoning"}
    if kind is Kind.MESSAGES:
        settled.setdefault("max_tokens", DEFAULT_MAX_TOKENS)
    pieces = {parameter(name): field_piece(name, value) for name, value in settled.items()}
    names = {name: parameter(name) for name in (*_GROUPS, *_GROUPS.values(), *settled)}
    return GenerationDefaults(pieces, locked, names)


def field_piece(name: str, value: Any) -> bytes:
    """``,"name":value``."""
    return b"," + msgspec.json.encode(name) + b":" + msgspec.json.encode(value)


def settle_names(kind: Kind, generation: dict[str, Any]) -> dict[str, Any]:
    """The parameters in the spelling of ``kind``; those it does not know, and nulls, are dropped."""
    given = {name: value for name, value in generation.items() if name not in _STRUCTURE and value is not None}
    if kind is Kind.MESSAGES:
        return _for_anthropic(given)
    if kind is Kind.RESPONSES:
        return _for_responses(given)
    if kind is Kind.COMPLETIONS:
        _respell(given, "max_completion_tokens", "max_tokens")
        return {name: value for name, value in given.items() if name not in _CHAT_ONLY}
    return given


def _for_anthropic(given: dict[str, Any]) -> dict[str, Any]:
    _respell(given, "max_completion_tokens", "max_tokens")
    _respell(given, "stop", "stop_sequences")
    if isinstance(given.get("stop_sequences"), str):
        given["stop_sequences"] = [given["stop_sequences"]]
    temperature = given.get("temperature")
    if isinstance(temperature, (int, float)):
        given["temperature"] = min(temperature, 1)
    return {name: value for name, value in given.items() if name in _ANTHROPIC}


def _for_responses(given: dict[str, Any]) -> dict[str, Any]:
    _respell(given, "max_tokens", "max_output_tokens")
    _respell(given, "max_completion_tokens", "max_output_tokens")
    if "reasoning_effort" in given:
        given.setdefault("reasoning", {"effort": given["reasoning_effort"]})
    return {name: value for name, value in given.items() if name in _RESPONSES}


def _respell(given: dict[str, Any], old: str, new: str) -> None:
    """Move a parameter to another spelling unless that one is there already."""
    if old in given:
        given.setdefault(new, given.pop(old))
