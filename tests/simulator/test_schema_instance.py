"""Instances satisfy their schemas; an independent validator is the judge."""

import jsonschema
import pytest

from tidegate.simulator.schema_instance import schema_instance

SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a", "b"]},
    {"type": "object", "properties": {"a": {"enum": ["x", "y"]}, "c": {"const": 4}}, "required": ["a", "c"]},
    {"type": "array", "items": {"type": "number", "minimum": 2.5}, "minItems": 3},
    {"type": "array", "items": {"type": "string"}, "maxItems": 0},
    {"type": "string", "minLength": 12, "maxLength": 14},
    {"type": "string", "maxLength": 2},
    {"type": ["null", "boolean"]},
    {"type": "integer", "exclusiveMinimum": 7, "multipleOf": 5},
    {"type": "integer", "maximum": -3},
    {"type": "number", "exclusiveMaximum": -1.5},
    {"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}], "$defs": {"d": {"type": "object"}}},
    {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "boolean"}}}]},
    {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "format": "uuid"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["name", "next", "children"],
                "additionalProperties": False,
            }
        },
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_instance_is_valid(schema):
    jsonschema.validate(schema_instance(schema, "some text"), schema)


def test_free_strings_hold_the_answer():
    schema = {"type": "object", "properties": {"reply": {"type": "string"}}, "required": ["reply"]}
    assert schema_instance(schema, "hello") == {"reply": "hello"}


def test_an_impossible_recursion_ends():
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/a"}}}}
    assert isinstance(schema_instance(schema), list)
