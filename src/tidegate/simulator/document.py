"""Reading scenarios from YAML, JSON and plain values; every mistake is named with its place and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import inspect

from tidegate.errors import InvalidInputError
from tidegate.simulator.chance import is_sound_spread
from tidegate.simulator.scenario import Behaviour, Scenario
from tidegate.simulator.templates import check_template

Declared = TypeVar("Declared", Scenario, Behaviour)


def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario file, YAML or JSON.

    Raises:
        InvalidInputError: the file cannot be read, or its content is no scenario.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"The scenario cannot be read: {error.strerror}.", where=str(path)) from None
    return parse_scenario(text, where=str(path))


def parse_scenario(text: bytes | str, *, where: str = "scenario") -> Scenario:
    """Read a scenario from YAML or JSON text.

    Raises:
        InvalidInputError: not YAML, or not a scenario.
    """
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInputError(f"This is neither YAML nor JSON: {' '.join(str(error).split())}", where=where) from None
    return scenario_from(content, where=where)


def scenario_from(content: Any, *, where: str = "scenario") -> Scenario:
    """Build a scenario from plain values (what YAML or JSON decode to).

    Raises:
        InvalidInputError: an unknown key, a value of the wrong type or range, or a broken template.
    """
    return check_scenario(_convert(content, Scenario, where), where=where)


def check_scenario(scenario: Scenario, *, where: str = "scenario") -> Scenario:
    """Check a scenario built in code as one from a file is checked, and return it.

    Raises:
        InvalidInputError: naming the setting.
    """
    for name, behaviour in scenario.models.items():
        check_behaviour(behaviour, where=f"{where}: models.{name}")
    return scenario


def patch_behaviour(behaviour: Behaviour, changes: Any, *, where: str) -> Behaviour:
    """Merge changes into a behaviour as JSON merge patch does (RFC 7396).

    Raises:
        InvalidInputError: the result is no sound behaviour.
    """
    merged = _merge(msgspec.to_builtins(behaviour), changes)
    patched = _convert(merged, Behaviour, where)
    check_behaviour(patched, where=where)
    return patched


def check_behaviour(behaviour: Behaviour, *, where: str) -> None:
    """Check what types cannot say: templates, ranges, later changes.

    Raises:
        InvalidInputError: naming the setting.
    """
    answers = (behaviour.answer,) if isinstance(behaviour.answer, str) else behaviour.answer
    if not answers:
        raise InvalidInputError("The list of answers is empty.", where=f"{where}.answer", remedy="give at least one")
    for template in (*answers, behaviour.reasoning):
        check_template(template, where=where)
    for name in ("first_token_seconds", "token_seconds", "tokens"):
        spread = getattr(behaviour, name)
        if spread is not None and not is_sound_spread(spread):
            raise InvalidInputError("A spread needs values from 0 up, low before high.", where=f"{where}.{name}")
    for index, fault in enumerate(behaviour.faults):
        _check_fault(fault, f"{where}.faults[{index}]")
    if behaviour.rate_limit and (behaviour.rate_limit.requests_per_second <= 0 or behaviour.rate_limit.burst < 1):
        raise InvalidInputError("A rate limit lets more than nothing through.", where=f"{where}.rate_limit")
    for _ in changed_behaviours(behaviour, where=where):
        pass


def changed_behaviours(behaviour: Behaviour, *, where: str = "behaviour") -> Iterator[Behaviour]:
    """The behaviours after each of the ``later`` changes, each building on the one before."""
    current = msgspec.structs.replace(behaviour, later=())
    for index, change in enumerate(behaviour.later):
        if "later" in change.set:
            raise InvalidInputError("A later change cannot hold later changes.", where=f"{where}.later[{index}].set")
        current = patch_behaviour(current, change.set, where=f"{where}.later[{index}].set")
        yield current


def _check_fault(fault: Any, where: str) -> None:
    if not 0 <= fault.probability <= 1:
        raise InvalidInputError(f"A probability lies between 0 and 1, not at {fault.probability}.", where=where)
    if fault.every is not None and fault.every < 1:
        raise InvalidInputError("`every` counts from 1.", where=where)
    status = getattr(fault, "status", 200)
    if not 200 <= status <= 599:
        raise InvalidInputError(f"An answer has a status from 200 to 599, not {status}.", where=where)


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _convert(content: Any, into: type[Declared], where: str) -> Declared:
    for path, message, remedy in _unknown_names(content, inspect.type_info(into), ""):
        raise InvalidInputError(message, where=f"{where}: {path}" if path else where, remedy=remedy)
    try:
        return msgspec.convert(content, into)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"{error}.", where=where) from None


Mistake = tuple[str, str, str]


def _unknown_names(value: Any, kind: inspect.Type, path: str) -> Iterator[Mistake]:
    """Yield every key and fault kind that the declared types do not know."""
    if isinstance(kind, inspect.UnionType):
        yield from _unknown_in_union(value, kind, path)
    elif isinstance(kind, inspect.StructType) and isinstance(value, dict):
        yield from _unknown_in_struct(value, kind, path)
    elif isinstance(kind, inspect.DictType) and isinstance(value, dict):
        for key, item in value.items():
            yield from _unknown_names(item, kind.value_type, f"{path}.{key}".lstrip("."))
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType) and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _unknown_names(item, kind.item_type, f"{path}[{index}]")


def _unknown_in_struct(value: dict[str, Any], kind: inspect.StructType, path: str) -> Iterator[Mistake]:
    fields = {field.encode_name: field.type for field in kind.fields}
    tag = {kind.tag_field} if kind.tag_field else set()
    for key, item in value.items():
        if key in fields:
            yield from _unknown_names(item, fields[key], f"{path}.{key}".lstrip("."))
        elif key not in tag:
            yield path, f"`{key}` is unknown here.", _nearest(str(key), [*fields, *tag])


def _unknown_in_union(value: Any, kind: inspect.UnionType, path: str) -> Iterator[Mistake]:
    structs = [option for option in kind.types if isinstance(option, inspect.StructType)]
    if not isinstance(value, dict):
        for option in kind.types:
            if isinstance(option, inspect.VarTupleType):
                yield from _unknown_names(value, option, path)
    elif len(structs) == 1:
        yield from _unknown_in_struct(value, structs[0], path)
    elif structs:
        by_tag = {str(option.tag): option for option in structs}
        tag_field = structs[0].tag_field or "kind"
        tag = value.get(tag_field)
        if tag in by_tag:
            yield from _unknown_in_struct(value, by_tag[str(tag)], path)
        else:
            yield path, f"`{tag_field}: {tag}` is unknown here.", _nearest(str(tag), list(by_tag))


def _nearest(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    listed = ", ".join(sorted(known))
    return f"did you mean `{close[0]}`? Known: {listed}" if close else f"known: {listed}"
