"""A public event's schema as a reader should take it: what it says, and no narrower. Pure."""

from collections.abc import Mapping
from typing import Any, Final

# What bounds a value may be widened within a version, and enumerations grow: a reader that refused
# a new one would stand still on the day that it comes.
_BOUNDS: Final = frozenset(
    {
        *("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf"),
        *("maxLength", "minLength", "pattern", "enum", "const"),
        *("maxItems", "minItems", "uniqueItems"),
        *("maxProperties", "minProperties", "propertyNames"),
    }
)
_NAMED: Final = frozenset({"properties", "$defs"})
"""Their keys are names, and no keywords."""


def tolerant(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without bounds, with exact numbers as decimals and maps by their values alone."""
    if _is_exact_number(schema):
        return {"type": "string", "format": "decimal"}
    kept: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _NAMED:
            kept[keyword] = {name: _named(tolerant(each)) for name, each in value.items()}
        elif keyword == "patternProperties":
            (kept["additionalProperties"],) = (tolerant(each) for each in value.values())
        elif keyword == "title" and "properties" not in schema:
            continue  # repeats the field's name
        elif keyword == "additionalProperties" and "patternProperties" in schema:
            continue  # says that no other name occurs
        elif keyword not in _BOUNDS:
            kept[keyword] = _below(value)
    if "enum" in schema:
        so_far = ", ".join(f"`{value}`" for value in schema["enum"])
        kept["description"] = f"{schema.get('description', '')} So far: {so_far}.".strip()
    if "anyOf" in kept:
        return _with_decimals(kept)
    return kept


def _named(field: dict[str, Any]) -> dict[str, Any]:
    """A map that is left out is empty, and not null: its schema says no default."""
    if field.get("type") == "object" and "properties" not in field:
        return {"default": {}, **field}
    return field


def _below(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tolerant(value)
    if isinstance(value, list):
        return [tolerant(each) if isinstance(each, Mapping) else each for each in value]
    return value


def _with_decimals(schema: dict[str, Any]) -> dict[str, Any]:
    """Where a number may also be written as a string, it is one exact number, or null."""
    kinds = [each.get("type") for each in schema["anyOf"]]
    if "number" not in kinds or "string" not in kinds:
        return schema
    others = [each for each in schema["anyOf"] if each.get("type") not in {"number", "string"}]
    return schema | {"anyOf": [{"type": "string", "format": "decimal"}, *others]}


def _is_exact_number(schema: Mapping[str, Any]) -> bool:
    kinds = {each.get("type") for each in schema.get("anyOf", ())}
    return kinds == {"number", "string"} and "default" not in schema and "description" not in schema
