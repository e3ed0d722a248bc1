"""Walking an event's JSON Schema: every place that holds a value, and the largest value of all."""

import string
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_WIDEST = "\U0001f4b0"
"""Four bytes in UTF-8: nothing takes more in JSON."""
_LATEST = "9999-12-31T23:59:59.999999+00:00"
_RATIO = "999999.999999999"


def leaves(schema: Schema, root: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Each place and each of its alternatives, references resolved."""
    if "$ref" in schema:
        yield from leaves(_resolve(schema, root), root, path)
    elif "anyOf" in schema:
        if _is_decimal(schema):
            yield path, schema["anyOf"][0] | {"type": "decimal"}
            return
        for branch in schema["anyOf"]:
            yield from leaves(branch, root, path)
    else:
        yield path, schema
        for name, field in schema.get("properties", {}).items():
            yield from leaves(field, root, f"{path}.{name}")
        if "items" in schema:
            yield from leaves(schema["items"], root, f"{path}[]")
        for entry in _entries(schema):
            yield from leaves(entry, root, f"{path}{{}}")


def largest(schema: Schema, root: Schema) -> Any:
    """A value that takes as many bytes as the schema allows."""
    if "$ref" in schema:
        return largest(_resolve(schema, root), root)
    if "anyOf" in schema:
        if _is_decimal(schema):
            return _RATIO
        (branch,) = (each for each in schema["anyOf"] if each.get("type") != "null")
        return largest(branch, root)
    match schema["type"]:
        case "object":
            value: Any = _largest_object(schema, root)
        case "array":
            value = [largest(schema["items"], root) for _ in range(schema["maxItems"])]
        case "string":
            value = _longest_text(schema)
        case "integer":
            value = max(schema["maximum"], schema["minimum"], key=lambda number: len(str(number)))
        case kind:
            assert kind == "boolean"
            value = False
    return value


def _largest_object(schema: Schema, root: Schema) -> dict[str, Any]:
    if "properties" in schema:
        return {name: largest(field, root) for name, field in schema["properties"].items()}
    (entry,) = _entries(schema)
    names = [
        letter * schema["propertyNames"]["maxLength"]
        for letter in string.ascii_letters[: schema["maxProperties"]]
    ]
    return dict.fromkeys(names, largest(entry, root))


def _longest_text(schema: Schema) -> str:
    if "enum" in schema:
        return str(max(schema["enum"], key=len))
    if schema.get("format") == "date-time":
        return _LATEST
    takes_any = schema["pattern"].startswith("^[^")
    return (_WIDEST if takes_any else "a") * int(schema["maxLength"])


def _entries(schema: Schema) -> list[Schema]:
    found = list(schema.get("patternProperties", {}).values())
    extra = schema.get("additionalProperties")
    return [*found, extra] if isinstance(extra, dict) else found


def _resolve(schema: Schema, root: Schema) -> Schema:
    resolved: Schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return resolved


def _is_decimal(schema: Schema) -> bool:
    return {branch.get("type") for branch in schema["anyOf"]} >= {"number", "string"}
