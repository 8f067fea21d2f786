"""Token counts of one answer, from the shapes that the dialects report them in.

Counts are the last non-null ones an upstream told, never sums; -1 means nobody told, or what no count can be.
"""

from __future__ import annotations

from typing import Any

import msgspec

MOST_TOKENS = 2**31 - 1  # of one answer; what is beyond is no count, and would spoil every sum it enters


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one answer.

    Attributes:
        input_tokens: everything the model read, cached parts included.
        output_tokens: everything it wrote, reasoning included.
        cached_tokens: the part of ``input_tokens`` read from the provider's prompt cache.
        reasoning_tokens: the part of ``output_tokens`` that was reasoning.
    """

    input_tokens: int = -1
    output_tokens: int = -1
    cached_tokens: int = -1
    reasoning_tokens: int = -1


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class OpenAIUsage(msgspec.Struct):
    """The ``usage`` object of chat, completions, embeddings (``prompt_tokens``) and responses (``input_tokens``)."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None

    def usage(self) -> Usage:
        """The neutral form."""
        read = self.prompt_tokens if self.prompt_tokens is not None else self.input_tokens
        written = self.completion_tokens if self.completion_tokens is not None else self.output_tokens
        if read is None or not 0 <= read <= MOST_TOKENS:  # no calls: this is read of every answer
            read = -1
        if written is None or not 0 <= written <= MOST_TOKENS:
            written = -1
        read_details = self.prompt_tokens_details or self.input_tokens_details
        written_details = self.completion_tokens_details or self.output_tokens_details
        if read_details is None and written_details is None:
            return Usage(read, written)
        cached = _known(read_details.cached_tokens) if read_details is not None else -1
        reasoning = _known(written_details.reasoning_tokens) if written_details is not None else -1
        return Usage(read, written, cached, reasoning)


class AnthropicUsage(msgspec.Struct):
    """The ``usage`` object of messages: ``input_tokens`` counts only what no cache served."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None

    def usage(self, earlier: Usage | None = None) -> Usage:
        """The neutral form; counts this report lacks are taken from the ``earlier`` one of the same stream."""
        before = earlier or Usage()
        if self.input_tokens is None:
            read, cached = before.input_tokens, before.cached_tokens
        else:
            fetched = self.cache_read_input_tokens or 0
            read = _known(self.input_tokens + fetched + (self.cache_creation_input_tokens or 0))
            cached = before.cached_tokens if self.cache_read_input_tokens is None else _known(fetched)
        written = before.output_tokens if self.output_tokens is None else _known(self.output_tokens)
        return Usage(read, written, cached, before.reasoning_tokens)


def _known(count: int | None) -> int:
    """The count, -1 where nobody told it or no model can give it."""
    return count if count is not None and 0 <= count <= MOST_TOKENS else -1


def read_openai_usage(told: Any) -> Usage | None:
    """A decoded OpenAI ``usage`` object; ``None`` when it is no such object."""
    try:
        return msgspec.convert(told, OpenAIUsage).usage() if told else None
    except msgspec.ValidationError:
        return None


def read_anthropic_usage(told: Any, earlier: Usage | None = None) -> Usage | None:
    """A decoded Anthropic ``usage`` object over an earlier one; ``earlier`` when it is no such object."""
    try:
        return msgspec.convert(told, AnthropicUsage).usage(earlier) if told else earlier
    except msgspec.ValidationError:
        return earlier
