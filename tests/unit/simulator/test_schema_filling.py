from typing import Any

import jsonschema
import pytest

from deploy.simulator.schema_filling import fill_schema

SCHEMAS: list[dict[str, Any]] = [
    {"type": "string", "minLength": 9},
    {"type": "string", "maxLength": 2},
    {"type": "integer", "minimum": 7, "multipleOf": 5},
    {"type": "number", "exclusiveMinimum": 3},
    {"type": "integer", "maximum": -4},
    {"type": ["string", "null"]},
    {"enum": [None, 3]},
    {"const": False},
    {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
    {"type": "array", "minItems": 3, "items": {"type": "null"}},
    {
        "allOf": [
            {"$ref": "#/$defs/a"},
            {"type": "object", "properties": {"y": {"type": "integer"}}, "required": ["y"]},
        ],
        "$defs": {
            "a": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
        },
    },
    {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["next", "children"],
                "additionalProperties": False,
            }
        },
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_value_fits_the_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema).validate(fill_schema(schema))
