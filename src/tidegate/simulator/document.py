"""Reading scenarios from YAML, JSON and plain values; every mistake is named with its place and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tidegate.documents import Document, decode, parse_document
from tidegate.errors import InvalidInputError
from tidegate.simulator.chance import is_sound_spread
from tidegate.simulator.scenario import Behaviour, Scenario
from tidegate.simulator.templates import check_template


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
    document = parse_document(text.decode() if isinstance(text, bytes) else text, where)
    return check_scenario(decode(document, Scenario), where=where)


def scenario_from(content: Any, *, where: str = "scenario") -> Scenario:
    """Build a scenario from plain values (what YAML or JSON decode to).

    Raises:
        InvalidInputError: an unknown key, a value of the wrong type or range, or a broken template.
    """
    return check_scenario(decode(Document(content, where), Scenario), where=where)


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
    patched = decode(Document(merged, where), Behaviour)
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
    for name in ("first_token_seconds", "token_seconds", "tokens", "surprisal"):
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
