"""How surprised a model was by its own answer: log probabilities of its tokens, where the client asked for them.

The perplexity of an answer is ``exp(-mean log p)`` over its tokens. What is kept are the two sums, as integers, so that
answers add up whatever the grouping. Nothing of this runs unless the client's body asks (``logprobs``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

_MICRO = 1_000_000
_LEAST = -9_000.0  # OpenAI says -9999 of a token whose probability it does not tell


class Surprisal(NamedTuple):
    """Of the tokens whose probability was told.

    Attributes:
        unats: sum of ``-log p`` in millionths of a nat.
        tokens: how many they are.
    """

    unats: int = 0
    tokens: int = 0

    def plus(self, other: Surprisal) -> Surprisal:
        """Both together."""
        return Surprisal(self.unats + other.unats, self.tokens + other.tokens)


NOTHING = Surprisal()


class _Token(msgspec.Struct, gc=False):
    logprob: float | None = None


class _Logprobs(msgspec.Struct, gc=False):
    content: list[_Token] | None = None  # chat
    refusal: list[_Token] | None = None
    token_logprobs: list[float | None] | None = None  # completions; null for the first token of a prompt


class _Choice(msgspec.Struct, gc=False):
    logprobs: _Logprobs | None = None


class _Answer(msgspec.Struct, gc=False):
    choices: list[_Choice] = []


_ANSWER = msgspec.json.Decoder(_Answer)


def read_surprisal(document: bytes) -> Surprisal:
    """Of all choices of a chat or text completion, whole or one chunk of it; nothing where nobody told."""
    try:
        told = _ANSWER.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NOTHING
    known = [value for choice in told.choices if choice.logprobs is not None for value in _known(choice.logprobs)]
    return Surprisal(round(-sum(known) * _MICRO), len(known))


def _known(told: _Logprobs) -> Iterator[float]:
    tokens: Iterable[_Token] = (*(told.content or ()), *(told.refusal or ()))
    for value in (*(token.logprob for token in tokens), *(told.token_logprobs or ())):
        if value is not None and math.isfinite(value) and value > _LEAST:
            yield min(0.0, value)


def asks_for_logprobs(value: Any) -> bool:
    """Whether the client's ``logprobs`` (true in chat, a count in completions, 0 of which still tells) asks."""
    return value is True or (isinstance(value, int) and not isinstance(value, bool))
