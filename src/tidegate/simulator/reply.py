"""What a simulated model says, before any dialect puts it into bytes."""

from __future__ import annotations

import zlib
from typing import Any, Literal

import msgspec

from tidegate.simulator.ask import Ask, Tool, split_tokens
from tidegate.simulator.chance import Dice
from tidegate.simulator.faults import AnyFault, ContentFilter, Refusal, Truncate
from tidegate.simulator.scenario import Behaviour
from tidegate.simulator.schema_instance import schema_instance
from tidegate.simulator.signed_reasoning import signature_of
from tidegate.simulator.templates import render
from tidegate.simulator.verdict import verdict_on

Finish = Literal["stop", "length", "tool_calls", "content_filter", "refusal"]

_ARGUMENT_PIECE = 7  # characters of tool arguments that count as one token


class Call(msgspec.Struct, frozen=True):
    """One tool call; the arguments as the pieces they are streamed in."""

    id: str
    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """The arguments as one JSON text."""
        return "".join(self.pieces)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One answer; its text as tokens. With finish ``refusal`` the text is the refusal."""

    tokens: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    finish: Finish = "stop"
    surprisal: float | None = None
    """``-log p`` of each token, where it was asked for and the model tells."""
    signing_key: str = ""

    @property
    def thought(self) -> str:
        """The reasoning as one text."""
        return "".join(self.reasoning)

    @property
    def signature(self) -> str:
        """Of the reasoning."""
        return signature_of(self.signing_key, self.thought)

    @property
    def text(self) -> str:
        """The tokens as one text."""
        return "".join(self.tokens)

    @property
    def size(self) -> int:
        """Output tokens."""
        return len(self.tokens) + len(self.reasoning) + sum(len(call.pieces) for call in self.calls)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a dialect needs to write the answer."""

    id: str
    model: str
    created: int
    """Unix seconds."""
    choices: tuple[Choice, ...]
    input_tokens: int

    @property
    def output_tokens(self) -> int:
        """Over all choices, reasoning included."""
        return sum(choice.size for choice in self.choices)

    @property
    def reasoning_tokens(self) -> int:
        """Over all choices."""
        return sum(len(choice.reasoning) for choice in self.choices)


def compose_reply(
    ask: Ask,
    behaviour: Behaviour,
    fault: AnyFault | None,
    dice: Dice,
    *,
    count: int,
    created: int,
    headers: dict[str, str],
) -> Reply:
    """Decide what the model answers to its request number `count`."""
    variables = {
        "model": ask.model,
        "system": ask.system,
        "user": ask.user,
        "temperature": ask.body.get("temperature"),
        "request": ask.body,
        "headers": headers,
        "count": count,
    }
    identity = f"{zlib.crc32(ask.model.encode()):08x}{count:08d}"
    choices = tuple(
        _scored(
            _end(_choice(ask, behaviour, fault, dice, variables, f"{identity}{place}", count + place), ask, fault),
            ask,
            behaviour,
            dice,
        )
        for place in range(ask.choices)
    )
    return Reply(id=identity, model=ask.model, created=created, choices=choices, input_tokens=ask.prompt_tokens)


def _scored(choice: Choice, ask: Ask, behaviour: Behaviour, dice: Dice) -> Choice:
    choice = msgspec.structs.replace(choice, signing_key=behaviour.signing_key)
    if not ask.has_logprobs_wish or behaviour.surprisal is None:
        return choice
    return msgspec.structs.replace(choice, surprisal=max(0.0, dice.draw(behaviour.surprisal)))


def _choice(
    ask: Ask,
    behaviour: Behaviour,
    fault: AnyFault | None,
    dice: Dice,
    variables: dict[str, Any],
    identity: str,
    turn: int,
) -> Choice:
    if isinstance(fault, Refusal):
        return Choice(tokens=tuple(split_tokens(render(fault.text, variables))), finish="refusal")
    reasoning = tuple(split_tokens(render(behaviour.reasoning, variables)))
    calls = _calls(ask, behaviour, identity)
    if calls:
        return Choice(reasoning=reasoning, calls=calls, finish="tool_calls")
    text = render(_pick(behaviour, dice, turn), variables)
    verdict = verdict_on(behaviour.judge, ask.user) if behaviour.judge is not None else None
    if verdict is not None:
        text = _json(verdict)
    elif ask.schema is not None and behaviour.has_schema_support:
        text = _json(schema_instance(ask.schema, text))
    elif ask.is_json_wanted:
        text = _json({"answer": text})
    elif behaviour.tokens is not None:
        return Choice(reasoning=reasoning, tokens=_sized(text, max(1, round(dice.draw(behaviour.tokens)))))
    return Choice(reasoning=reasoning, tokens=tuple(split_tokens(text)))


def _pick(behaviour: Behaviour, dice: Dice, turn: int) -> str:
    if isinstance(behaviour.answer, str):
        return behaviour.answer
    size = len(behaviour.answer)
    return behaviour.answer[dice.index(size) if behaviour.choose == "random" else (turn - 1) % size]


def _sized(text: str, size: int) -> tuple[str, ...]:
    tokens = split_tokens(text) or ["word"]
    rounds = -(-size // len(tokens))
    spaced = [tokens[0] if tokens[0][:1].isspace() else f" {tokens[0]}", *tokens[1:]]
    return tuple([*tokens, *spaced * (rounds - 1)][:size])


def _calls(ask: Ask, behaviour: Behaviour, identity: str) -> tuple[Call, ...]:
    if not ask.tools or ask.tool_choice == "none" or ask.has_tool_result:
        return ()
    by_name = {tool.name: tool for tool in ask.tools}
    wanted: list[tuple[Tool, dict[str, Any] | None]] = []
    for place, scripted in enumerate(behaviour.tool_calls):
        tool = by_name.get(scripted.name) or (ask.tools[place % len(ask.tools)] if not scripted.name else None)
        if tool is not None and ask.tool_choice in ("auto", "required", tool.name):
            wanted.append((tool, scripted.arguments))
    if not wanted and ask.tool_choice != "auto":
        wanted.append((by_name.get(ask.tool_choice, ask.tools[0]), None))
    return tuple(
        Call(f"{identity}{place}", tool.name, _pieces(schema_instance(tool.schema) if given is None else given))
        for place, (tool, given) in enumerate(wanted)
    )


def _pieces(arguments: Any) -> tuple[str, ...]:
    text = _json(arguments if arguments is not None else {})
    return tuple(text[start : start + _ARGUMENT_PIECE] for start in range(0, len(text), _ARGUMENT_PIECE))


def _end(choice: Choice, ask: Ask, fault: AnyFault | None) -> Choice:
    """Cut an answer where a limit or a fault ends it."""
    limit, finish = ask.max_tokens, "length"
    if isinstance(fault, ContentFilter):
        limit, finish = fault.after_tokens, "content_filter"
    elif isinstance(fault, Truncate) and fault.by == "length":
        limit = fault.after_tokens
    is_forced = isinstance(fault, ContentFilter | Truncate) and limit != ask.max_tokens
    if limit is None or (choice.size <= limit and not is_forced) or choice.calls:
        return choice
    reasoning = choice.reasoning[:limit]
    tokens = choice.tokens[: max(0, limit - len(reasoning))]
    return msgspec.structs.replace(choice, reasoning=reasoning, tokens=tokens, finish=finish)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
