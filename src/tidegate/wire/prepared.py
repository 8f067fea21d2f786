"""An insertion made ready once, so that a request costs a few microseconds."""

from __future__ import annotations

import msgspec

from tidegate.wire.field_plan import FieldPlan
from tidegate.wire.generation import GenerationDefaults, generation_defaults
from tidegate.wire.insertion import Insertion
from tidegate.wire.kinds import Kind
from tidegate.wire.template import PromptTemplate

KNOWN_KEYS = {
    name: b"," + msgspec.json.encode(name) + b":"
    for name in (
        *("messages", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stream", "stream_options"),
        *("user", "metadata", "tools", "tool_choice", "response_format", "stop", "n", "seed", "system", "thinking"),
        *("input", "instructions", "prompt", "frequency_penalty", "presence_penalty", "reasoning_effort"),
    )
}
"""Field -> ``,"field":``."""

_MAX_PREPARED = 4096
_SYSTEM_MESSAGE = b'{"role":"system","content":%b}'


class PreparedInsertion:
    """The constants of one insertion for one kind of request.

    Attributes:
        head: ``{"model":"..."``, the body's beginning.
        few_shot: the messages, comma-separated; empty when there are none.
        policy: how the system prompt meets the client's own.
        generation: defaults and locked parameters.
        dropped: client fields that never go upstream.
        plans: orders of names that clients have sent -> what to make of them.
    """

    __slots__ = ("_message", "_system", "_template", "dropped", "few_shot", "generation", "head", "plans", "policy")

    def __init__(self, kind: Kind, insertion: Insertion) -> None:
        self.head = b'{"model":' + msgspec.json.encode(insertion.model)
        self.few_shot = b",".join(
            msgspec.json.encode({"role": message.role, "content": message.content}) for message in insertion.few_shot
        )
        self.policy = insertion.system_policy
        self.generation: GenerationDefaults = generation_defaults(kind, insertion.generation, insertion.overridable)
        self.dropped = frozenset({"model", "tidegate"}) | self.generation.locked
        self.plans: dict[tuple[str, ...], FieldPlan] = {}
        self._template: PromptTemplate | None = None
        self._system: bytes | None = msgspec.json.encode(insertion.system) if insertion.system else None
        self._message = None if self._system is None else _SYSTEM_MESSAGE % self._system
        if insertion.system and insertion.variables is not None:
            self._template = PromptTemplate(insertion.system, insertion.variables)

    def system(self, variables: dict[str, object] | None) -> bytes | None:
        """The system prompt as a JSON string, ``None`` when the version brings none.

        Raises:
            MalformedBodyError: a template variable is missing.
        """
        if self._template is None:
            return self._system
        text = self._template.render(variables)
        return msgspec.json.encode(text) if text else None

    def system_message(self, variables: dict[str, object] | None) -> bytes | None:
        """The same as a message of OpenAI's dialect."""
        if self._template is None:
            return self._message
        system = self.system(variables)
        return None if system is None else _SYSTEM_MESSAGE % system


_PREPARED: dict[tuple[int, Kind], tuple[Insertion, PreparedInsertion]] = {}


def prepare(kind: Kind, insertion: Insertion) -> PreparedInsertion:
    """The prepared form, remembered by the identity of ``insertion`` (a snapshot's live as long as it does).

    The memory keeps its insertions alive, so an identity is never reused while it is known; it is emptied
    when it is full, which a new snapshot now and then brings about.

    Raises:
        OperatorError: the version's prompt is no valid template.
    """
    try:
        return _PREPARED[id(insertion), kind][1]  # nearly always
    except KeyError:
        if len(_PREPARED) >= _MAX_PREPARED:
            _PREPARED.clear()
        prepared = PreparedInsertion(kind, insertion)
        _PREPARED[id(insertion), kind] = (insertion, prepared)
        return prepared
