"""JSON Schemas of the files that people write, made from the structs that decode them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.cli.struct_schema import Schema, StructSchemas
from tidegate.config import Settings
from tidegate.delivery.evidence.metrics import FEEDBACK, JUDGE, METRICS
from tidegate.delivery.evidence.votes import WIN_RATE
from tidegate.delivery.quantities import Change, Comparison, Dollars, Repeats, Rule, Seconds, Share
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.strategy import STRATEGIES
from tidegate.registry.bundle_document import BundleDocument

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DURATION = r"^(\s*\d+(\.\d+)?\s*(ms|[smhdw]))+\s*$"
_QUANTITIES: dict[Any, Schema] = {
    Seconds: {
        "description": "A duration: 250ms, 30s, 1h30m; a number is seconds.",
        "anyOf": [{"type": "string", "pattern": _DURATION}, {"type": "number", "minimum": 0}],
    },
    Share: {
        "description": "A part of the whole: 5% or 0.05.",
        "anyOf": [
            {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"},
            {"type": "number", "minimum": 0, "maximum": 1},
        ],
    },
    Dollars: {
        "description": "An amount of money: 20 USD.",
        "anyOf": [{"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*USD\s*$"}, {"type": "number", "minimum": 0}],
    },
    Change: {
        "description": "A change: 15% or 0.15; points of rates, relative for everything else.",
        "anyOf": [{"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"}, {"type": "number", "minimum": 0}],
    },
    Rule: {
        "description": 'A plain comparison, quoted: "candidate > stable * 1.2", "value > 95".',
        "type": "string",
        "pattern": r"^\s*(candidate|value)\s*(<=|>=|<|>).+$",
    },
    Repeats: {
        "description": 'How often among how many, quoted: "2 of 3".',
        "type": "string",
        "pattern": r"^\s*\d{1,3}\s+of\s+\d{1,3}\s*$",
    },
    Comparison: {
        "description": 'What is too much, quoted: "> 5%", "> 2500ms".',
        "type": "string",
        "pattern": r"^\s*(<=|>=|<|>).+$",
    },
}


def config_schema() -> Schema:
    """``tidegate.yaml``; an inline ``stable`` is a bundle."""
    schemas = StructSchemas(_QUANTITIES, {})
    bundle = schemas.of(BundleDocument)
    schemas = StructSchemas(_QUANTITIES, {"ServiceSettings.stable": {"anyOf": [bundle, {"type": "null"}]}})
    schemas.of(BundleDocument)
    return _document(schemas.of(Settings), schemas, "tidegate.yaml")


def bundle_schema() -> Schema:
    """``bundle.yaml``, or a bundle in one file."""
    schemas = StructSchemas(_QUANTITIES, {})
    return _document(schemas.of(BundleDocument), schemas, "Tidegate bundle")


def release_schema() -> Schema:
    """A file of ``kind: Release``; a strategy is a name, or one name with its settings, or a chain of them."""
    schemas = StructSchemas(_QUANTITIES, {"ReleaseSpec.strategy": {"type": "string"}})  # completed below
    root = schemas.of(ReleaseSpec)
    named = {name: {"anyOf": [schemas.of(each.spec), {"type": "null"}]} for name, each in STRATEGIES.items()}
    one: Schema = {"type": "object", "properties": named, "additionalProperties": False}
    choice = [{"enum": list(STRATEGIES)}, {**one, "minProperties": 1, "maxProperties": 1}]
    chain = {"type": "array", "items": {"anyOf": choice}, "minItems": 1}
    _complete_guardrails(schemas.parts["GuardrailSpec"])
    top = schemas.parts["ReleaseSpec"]
    top["properties"]["kind"] = {"const": "Release"}
    top["properties"]["strategy"] = {"anyOf": [*choice, chain], "default": "direct"}
    top["required"] = ["service", "version"]
    return _document(root, schemas, "Tidegate release")


def _complete_guardrails(part: Schema) -> None:
    """Without a source of its own a metric is one that gateways and feedback report."""
    own: Schema = {"type": "object", "minProperties": 1, "maxProperties": 1}
    part["properties"]["source"] = {"anyOf": [own, {"const": "gateway"}, {"type": "null"}], "default": None}
    known = [
        {"enum": [*METRICS, WIN_RATE]},
        {"type": "string", "pattern": f"^({FEEDBACK}|{JUDGE})[A-Za-z0-9_.\\-]{{1,64}}$"},
        {"type": "string", "pattern": f"^{FEEDBACK}[a-z][a-z0-9_]{{0,63}}!?=[^=]{{1,64}}$"},
    ]
    part["if"] = {"properties": {"source": own}, "required": ["source"]}
    part["else"] = {"properties": {"metric": {"anyOf": known}}}


SCHEMAS: dict[str, Callable[[], Schema]] = {
    "config": config_schema,
    "bundle": bundle_schema,
    "release": release_schema,
}


def _document(root: Schema, schemas: StructSchemas, title: str) -> Schema:
    return {"$schema": _DRAFT, "title": title, **root, "$defs": schemas.parts}
