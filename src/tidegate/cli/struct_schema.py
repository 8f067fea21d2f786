"""JSON Schema of a struct: its fields with types, defaults and the descriptions of its docstring."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from tidegate.delivery.quantities import encode_quantity

Schema = dict[str, Any]
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Decimal: {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d+)?$"}]},
    Any: {},
}
_ATTRIBUTE = re.compile(r"^    (\w+(?:, \w+)*): (.+)$")


class StructSchemas:
    """Collects the schemas of structs under ``$defs``, each once.

    Args:
        own: schemas of types that are decoded by a hook.
        replaced: ``STRUCT.FIELD`` -> the schema that stands for what its type does not say.
    """

    def __init__(self, own: Mapping[Any, Schema], replaced: Mapping[str, Schema]) -> None:
        self._own = own
        self._replaced = replaced
        self.parts: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a type.

        Raises:
            TypeError: no rule for it.
        """
        if kind in self._own:
            return dict(self._own[kind])
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if isinstance(kind, type) and issubclass(kind, str | float | Decimal):
            return _quantity(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._reference(kind)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in {Union, types.UnionType}:
            return {"anyOf": [self.of(each) for each in arguments]}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        if origin is tuple and arguments[1:] == (...,):
            return {"type": "array", "items": self.of(arguments[0])}
        raise TypeError(f"no rule for a schema of {kind!r}")

    def _reference(self, struct: type[msgspec.Struct]) -> Schema:
        name = struct.__name__
        if name not in self.parts:
            self.parts[name] = {}  # before its fields, which may speak of it
            self.parts[name] = self._struct(struct)
        return {"$ref": f"#/$defs/{name}"}

    def _struct(self, struct: type[msgspec.Struct]) -> Schema:
        hints, texts = get_type_hints(struct), _attribute_texts(struct)
        properties: dict[str, Schema] = {}
        required = []
        for field in msgspec.structs.fields(struct):
            shown = self._replaced.get(f"{struct.__name__}.{field.name}") or self.of(hints[field.name])
            about = {"description": texts[field.name]} if field.name in texts else {}
            properties[field.encode_name] = {**shown, **about, **_default(field)}
            if field.required:
                required.append(field.encode_name)
        made: Schema = {"type": "object", "description": _first_sentence(struct), "properties": properties}
        if required:
            made["required"] = required
        return {**made, "additionalProperties": not struct.__struct_config__.forbid_unknown_fields}


def _quantity(kind: type) -> Schema:
    """A type of our own that reads text, or a number too."""
    text: Schema = {"type": "string"}
    shape = text if issubclass(kind, str) else {"anyOf": [text, {"type": "number"}]}
    return {"description": _first_sentence(kind), **shape}


def _default(field: msgspec.structs.FieldInfo) -> Schema:
    value = field.default if field.default is not msgspec.NODEFAULT else None
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    plain = msgspec.to_builtins(value, enc_hook=encode_quantity)
    return {} if plain in (None, {}, [], ()) else {"default": plain}


def _first_sentence(struct: type) -> str:
    return " ".join((inspect.getdoc(struct) or "").split("\n\n")[0].replace("``", "`").split())


def _attribute_texts(struct: type) -> dict[str, str]:
    """Field -> its text under ``Attributes:``, from the struct and those it extends."""
    found: dict[str, str] = {}
    for each in reversed(struct.__mro__):
        names: list[str] = []
        for line in inspect.cleandoc(each.__dict__.get("__doc__") or "").splitlines():
            if match := _ATTRIBUTE.match(line):
                names = match[1].split(", ")
                found |= dict.fromkeys(names, match[2].replace("``", "`"))
            elif names and line.startswith("        "):
                found |= {name: f"{found[name]} {line.strip().replace('``', '`')}" for name in names}
            else:
                names = []
    return found
