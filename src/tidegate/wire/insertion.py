"""What a version puts into each request: prompt and parameters, as plain data."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One few-shot message in the neutral form ``{role, content}``; both dialects accept it as it is."""

    role: Literal["user", "assistant"]
    content: str


class Insertion(msgspec.Struct, frozen=True, kw_only=True):
    """A version's share of a request body.

    Attributes:
        model: the upstream's own model name, spliced over the service name.
        system: system prompt, or ``None`` when the version brings none. When ``variables`` is not
            ``None`` it is a minijinja template.
        variables: names and defaults of template variables (``None`` as a default: the request must
            bring it in ``tidegate.variables``); ``None`` when the prompt is plain text.
        system_policy: how ``system`` meets the client's own system prompt.
        few_shot: messages between the system prompt and the client's messages.
        generation: defaults of generation parameters, in OpenAI's names
            (``temperature, top_p, max_tokens, stop, seed, ...``).
        overridable: parameters a client may override; ``None`` means all of them.
    """

    model: str
    system: str | None = None
    variables: dict[str, str | None] | None = None
    system_policy: Literal["prepend", "replace", "keep"] = "prepend"
    few_shot: tuple[Message, ...] = ()
    generation: dict[str, Any] = {}
    overridable: tuple[str, ...] | None = None
