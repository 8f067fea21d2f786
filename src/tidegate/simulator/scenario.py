"""A scenario: which models a simulator serves and how each behaves. Pure values; `document` reads them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from tidegate.simulator.faults import AnyFault, RetryAfterForm

UsageForm = Literal["last_chunk", "null_then_last", "with_finish", "after_finish", "cumulative", "missing", "never"]


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="constant"):
    """Always the same value; a bare number says the same."""

    value: float


class Uniform(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="uniform"):
    """Anything between two bounds, equally likely."""

    low: float
    high: float


class Lognormal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="lognormal"):
    """``median * exp(sigma * Z)``, Z standard normal: the long right tail that latencies have."""

    median: float
    sigma: float = 0.3


Spread = float | Constant | Uniform | Lognormal


class ScriptedCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tool call the model makes when the request offers tools."""

    name: str = ""
    """The tool; empty: the one at the same place in the request."""
    arguments: dict[str, Any] | None = None
    """None: a minimal instance of the tool's own schema."""


class RateLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token bucket; what does not fit gets 429 with a retry time."""

    requests_per_second: float
    burst: int = 1
    retry_after_form: RetryAfterForm = "seconds"


class StreamShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the bytes of a stream are cut; the content stays the same."""

    split_bytes: int = 0
    """Write pieces of this many bytes, across event borders and code points; 0: whole events."""
    drip_seconds: float = 0.0
    """Pause between those pieces."""
    events_per_write: int = 1
    line_end: Literal["\n", "\r\n", "\r"] = "\n"
    has_byte_order_mark: bool = False
    has_comments: bool = False
    """A comment line before every event."""
    has_role_chunk: bool = True
    """OpenAI chat: open with a chunk that holds only the role."""
    empty_deltas: int = 0
    """OpenAI chat: so many chunks with an empty delta before the first content."""
    has_interleaved_tool_calls: bool = False
    """OpenAI chat: parallel tool calls arrive in turns instead of one after the other."""
    has_terminator: bool = True
    """``data: [DONE]`` (OpenAI), ``response.completed`` (responses) or ``message_stop`` (Anthropic) at the end."""


class JudgeScript(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model that judges answers, asked as control asks (a JSON document, an answer by JSON schema)."""

    scores: dict[str, float] = {}
    """Words in an answer to its score; the first that occurs counts."""
    otherwise: float = 0.5
    first_place: float = 0.0
    """A taste for the first place: added to its score where two are compared."""


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """From some moment on, other settings; later changes build on earlier ones."""

    after_requests: int = 0
    after_seconds: float = 0.0
    set: dict[str, Any] = {}
    """Settings of a behaviour; nested objects are merged, lists replaced, null restores the default."""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one model behaves.

    ``answer``, ``reasoning`` and refusal texts are minijinja templates over ``model``, ``system``, ``user``,
    ``temperature``, ``request`` (the whole body), ``headers`` and ``count`` (of this model's requests, from 1).
    """

    answer: str | tuple[str, ...] = "{{ model }} heard: {{ user }}"
    choose: Literal["cycle", "random"] = "cycle"
    reasoning: str = ""
    signing_key: str = ""
    """Signs reasoning, and refuses a history with reasoning that another key has signed."""
    tokens: Spread | None = None
    """Bring answers to this length by repeating or cutting; None: as written."""
    tool_calls: tuple[ScriptedCall, ...] = ()
    has_schema_support: bool = True
    """Answer a request for a JSON schema with an instance of it."""
    judge: JudgeScript | None = None
    """Answer a judge's question with a verdict instead."""
    surprisal: Spread | None = None
    """``-log p`` of each token of an answer, told to whoever asks for ``logprobs``; None: told to nobody."""
    first_token_seconds: Spread = 0.0
    token_seconds: Spread = 0.0
    context_tokens: int | None = None
    """Longer prompts get 400."""
    rate_limit: RateLimit | None = None
    usage: UsageForm = "null_then_last"
    stream: StreamShape = StreamShape()
    is_gzipped: bool = False
    """Answer with gzip, asked or not."""
    faults: tuple[AnyFault, ...] = ()
    later: tuple[Change, ...] = ()


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything a simulator does. Equal scenarios and request orders give equal answers.

    ``models`` maps names or globs (``gpt-*``) to behaviours; an exact name wins, then the first glob that
    fits. A name nothing fits gets 404, so ``*`` is the default for all others.
    """

    models: dict[str, Behaviour] = msgspec.field(default_factory=lambda: {"*": Behaviour()})
    seed: int = 0
    api_key: str | None = None
    """Required in ``authorization: Bearer`` or ``x-api-key`` when set."""
    keep_requests: int = 100
    """How many requests the journal keeps for reading back."""

    def find(self, model: str) -> Behaviour | None:
        """The behaviour of a model, or None if nothing fits its name."""
        exact = self.models.get(model)
        if exact is not None:
            return exact
        return next((self.models[name] for name in self.models if fnmatchcase(model, name)), None)
