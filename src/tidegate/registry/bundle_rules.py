"""What a bundle must keep to, beyond its types. Pure; complaints carry the field's path."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import minijinja

from tidegate.delivery.bundle import Bundle, PromptSpec, RoutingSpec
from tidegate.documents import Path
from tidegate.registry.canonical import NotJsonError

MAX_MODEL_LENGTH = 256
MAX_ATTEMPTS = 10

_PROVIDER = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?")
_MODEL = re.compile(r"[!-~]+")  # printable ASCII without space: it goes into requests as it is
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEAR = 0.85
_ANY = 2.0**53  # the vendor knows the bound; here only the kind of value is checked

# Parameters that the gateway itself decides; a bundle that set them would contradict its own request.
_RESERVED = (
    "model",
    "messages",
    "input",
    "prompt",
    "system",
    "stream",
    "stream_options",
    "metadata",
    "user",
    "tidegate",
)


def _is_number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_count(low: int, high: int = 2**31) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_stop(value: Any) -> bool:
    texts = [value] if isinstance(value, str) else value
    return isinstance(texts, list) and bool(texts) and all(isinstance(each, str) and each for each in texts)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_KNOWN: dict[str, tuple[Callable[[Any], bool], str]] = {
    "temperature": (_is_number(0, _ANY), "a number of at least 0"),
    "top_p": (_is_number(0, 1), "a number from 0 to 1"),
    "min_p": (_is_number(0, 1), "a number from 0 to 1"),
    "top_k": (_is_count(-1), "a whole number"),
    "max_tokens": (_is_count(1), "a whole number of at least 1"),
    "max_completion_tokens": (_is_count(1), "a whole number of at least 1"),
    "max_output_tokens": (_is_count(1), "a whole number of at least 1"),
    "min_tokens": (_is_count(0), "a whole number of at least 0"),
    "presence_penalty": (_is_number(-_ANY, _ANY), "a number"),
    "frequency_penalty": (_is_number(-_ANY, _ANY), "a number"),
    "repetition_penalty": (_is_number(0, _ANY), "a number of at least 0"),
    "seed": (_is_count(-(2**53), 2**53), "a whole number"),
    "n": (_is_count(1, 128), "a whole number from 1 to 128"),
    "stop": (_is_stop, "a text or a list of texts"),
    "logprobs": (lambda value: _is_flag(value) or _is_count(0, 20)(value), "true or false"),
    "top_logprobs": (_is_count(0, 20), "a whole number from 0 to 20"),
    "parallel_tool_calls": (_is_flag, "true or false"),
}


def check_bundle(bundle: Bundle) -> None:
    """Check every rule.

    Raises:
        NotJsonError: the first broken rule, with the path of its field.
    """
    check_model(bundle.model, ("model",))
    _check_prompt(bundle.prompt)
    for name, value in bundle.generation.items():
        _check_parameter(name, value)
    _check_routing(bundle.routing)


def check_model(model: str, path: Path) -> None:
    """``provider/model``.

    Raises:
        NotJsonError: no slash, a bad provider name, or a model name with spaces or control characters.
    """
    provider, slash, name = model.partition("/")
    if not slash:
        raise NotJsonError(f"{model!r} names no provider; write provider/model, such as openai/gpt-4.1-mini", path)
    if not is_provider_name(provider):
        raise NotJsonError(f"{provider!r} in {model!r} is not a provider's name", path)
    if not _MODEL.fullmatch(name) or len(name) > MAX_MODEL_LENGTH:
        raise NotJsonError(
            f"{name!r} is not a model's name; it has 1 to {MAX_MODEL_LENGTH} printable characters without spaces", path
        )


def is_provider_name(name: str) -> bool:
    """Letters, digits, ``.``, ``_`` and ``-``, a letter or digit at both ends, at most 63 characters."""
    return len(name) <= 63 and _PROVIDER.fullmatch(name) is not None


def _check_prompt(prompt: PromptSpec) -> None:
    if prompt.use is not None and (prompt.system is not None or prompt.few_shot or prompt.variables is not None):
        raise NotJsonError("use takes a whole prompt; system, few_shot and variables are its own", ("prompt", "use"))
    for index, message in enumerate(prompt.few_shot):
        if not message.content:
            raise NotJsonError(
                "the few-shot message is empty; fill it or remove it", ("prompt", "few_shot", index, "content")
            )
    if prompt.variables is None:
        return
    if prompt.system is None:
        raise NotJsonError("variables need a system prompt that uses them", ("prompt", "variables"))
    for name in prompt.variables:
        if not _VARIABLE.fullmatch(name):
            raise NotJsonError(f"{name!r} is not a variable's name", ("prompt", "variables"))
    _check_template(prompt.system, prompt.variables)


def _check_template(system: str, variables: dict[str, str | None]) -> None:
    environment = minijinja.Environment()
    try:
        environment.add_template("prompt.system", system)
        used = set(environment.undeclared_variables_in_str(system))
    except minijinja.TemplateError as error:
        raise NotJsonError(f"the template cannot be read: {str(error).splitlines()[0]}", ("prompt", "system")) from None
    if unknown := sorted(used - set(variables)):
        raise NotJsonError(
            f"the template uses {unknown[0]!r}, which prompt.variables does not declare", ("prompt", "system")
        )


def _check_parameter(name: str, value: Any) -> None:
    path = ("generation", name)
    if name in _RESERVED:
        raise NotJsonError(f"{name!r} is not a generation parameter: the request or the gateway decides it", path)
    if value is None:
        raise NotJsonError(f"{name!r} is null; leave it out", path)
    if name not in _KNOWN:
        close = get_close_matches(name, _KNOWN, n=1, cutoff=_NEAR)
        if close:
            raise NotJsonError(f"{name!r} is not a known parameter (did you mean {close[0]!r}?)", path)
        return
    is_valid, expected = _KNOWN[name]
    if not is_valid(value):
        raise NotJsonError(f"{value!r} is not {expected}", path)


def _check_routing(routing: RoutingSpec) -> None:
    for index, fallback in enumerate(routing.fallbacks):
        check_model(fallback, ("routing", "fallbacks", index))
    if routing.max_attempts is not None and not 1 <= routing.max_attempts <= MAX_ATTEMPTS:
        raise NotJsonError(
            f"{routing.max_attempts} is not a number from 1 to {MAX_ATTEMPTS}", ("routing", "max_attempts")
        )
