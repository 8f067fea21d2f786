"""A small value that satisfies a JSON schema: what a model with structured output would return.

Understands what providers accept for structured output: types, enum, const, default, examples, properties,
required, items, minItems, anyOf/oneOf/allOf, ``$ref`` into the same schema, bounds of numbers and strings,
common string formats. Patterns are not searched for.
"""

from __future__ import annotations

import math
from typing import Any

_FORMATS = {
    "date": "2025-01-31",
    "time": "12:00:00Z",
    "date-time": "2025-01-31T12:00:00Z",
    "duration": "PT1M",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_DEPTH = 24  # a recursive schema ends here


def schema_instance(schema: Any, text: str = "text") -> Any:
    """A minimal instance of a schema.

    Args:
        schema: a JSON schema; ``True`` and ``{}`` allow anything.
        text: what free strings hold.
    """
    return _instance(schema, schema, text, _DEPTH)


def _instance(schema: Any, root: Any, text: str, depth: int) -> Any:
    if not isinstance(schema, dict) or depth == 0:
        return None
    if "$ref" in schema:
        return _instance(_resolve(schema["$ref"], root), root, text, depth - 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        if schema.get(key):
            return schema[key][0]
    if schema.get("allOf"):
        return _instance(_joined(schema, root), root, text, depth - 1)
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            options = sorted(schema[key], key=_is_deep)
            return _instance(options[0], root, text, depth - 1)
    return _of_type(schema, root, text, depth)


def _is_deep(schema: Any) -> bool:
    """Alternatives that refer or nest come last: the others end a recursion."""
    return isinstance(schema, dict) and bool({"$ref", "properties", "items"} & schema.keys())


def _of_type(schema: dict[str, Any], root: Any, text: str, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties", {})
        names = schema.get("required", () if depth < _DEPTH // 2 else properties)
        return {name: _instance(properties.get(name, True), root, text, depth - 1) for name in names}
    if kind == "array" or (kind is None and "items" in schema):
        size = max(schema.get("minItems", 0), 1 if depth > _DEPTH // 2 and schema.get("maxItems", 1) else 0)
        return [_instance(schema.get("items", True), root, text, depth - 1) for _ in range(size)]
    if kind == "string":
        return _string(schema, text)
    if kind in ("integer", "number"):
        return _number(schema, is_whole=kind == "integer")
    return False if kind == "boolean" else None


def _string(schema: dict[str, Any], text: str) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    padded = text.ljust(schema.get("minLength", 0), "x")
    return padded[: schema.get("maxLength", len(padded))]


def _number(schema: dict[str, Any], *, is_whole: bool) -> float | int:
    step = schema.get("multipleOf") or (1 if is_whole else 0)
    low = schema.get("minimum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + (step or 0.5)
    high = schema.get("maximum")
    if "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - (step or 0.5)
    value = low if low is not None else 0 if high is None or high >= 0 else high
    if step:
        value = (math.ceil if low is not None else math.floor)(value / step) * step
    return int(value) if is_whole else value


def _resolve(reference: str, root: Any) -> Any:
    found = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if key:
            found = found.get(key, {}) if isinstance(found, dict) else {}
    return found


def _joined(schema: dict[str, Any], root: Any) -> dict[str, Any]:
    joined = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        resolved = _resolve(part["$ref"], root) if "$ref" in part else part
        for key, value in resolved.items():
            known = joined.get(key)
            if isinstance(known, dict) and isinstance(value, dict):
                joined[key] = {**known, **value}
            elif isinstance(known, list) and isinstance(value, list):
                joined[key] = [*known, *value]
            else:
                joined[key] = value
    return joined
