"""The endpoint kinds of the front door, and the dialect each belongs to."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

Dialect = Literal["openai", "anthropic"]


class Kind(StrEnum):
    """One endpoint of the front door. Closed; also a telemetry label."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"
    MESSAGES = "messages"
    COUNT_TOKENS = "count_tokens"

    @property
    def dialect(self) -> Dialect:
        """The dialect a client of this endpoint speaks."""
        return DIALECTS[self]


DIALECTS: dict[Kind, Dialect] = {
    Kind.CHAT: "openai",
    Kind.COMPLETIONS: "openai",
    Kind.EMBEDDINGS: "openai",
    Kind.RESPONSES: "openai",
    Kind.MESSAGES: "anthropic",
    Kind.COUNT_TOKENS: "anthropic",
}

KINDS_BY_PATH: dict[str, Kind] = {
    "/v1/chat/completions": Kind.CHAT,
    "/v1/completions": Kind.COMPLETIONS,
    "/v1/embeddings": Kind.EMBEDDINGS,
    "/v1/responses": Kind.RESPONSES,
    "/v1/messages": Kind.MESSAGES,
    "/v1/messages/count_tokens": Kind.COUNT_TOKENS,
}
"""Path at the front door -> kind."""

UPSTREAM_PATHS: dict[Kind, str] = {
    Kind.CHAT: "/chat/completions",
    Kind.COMPLETIONS: "/completions",
    Kind.EMBEDDINGS: "/embeddings",
    Kind.RESPONSES: "/responses",
    Kind.MESSAGES: "/v1/messages",
    Kind.COUNT_TOKENS: "/v1/messages/count_tokens",
}
"""Kind -> what is appended to a provider's ``base_url`` (OpenAI's ends in ``/v1``, Anthropic's does not)."""
