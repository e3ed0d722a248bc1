from collections.abc import Mapping
from typing import Any, Final

# Deeper than this a recursive schema is ended: null, no items.
_MAX_DEPTH: Final = 6
_BY_TYPE: Final[Mapping[str, Any]] = {
    "string": "text",
    "boolean": True,
    "null": None,
}


def fill_schema(schema: Mapping[str, Any]) -> Any:
    """A simple value that fits a JSON schema, made by type; the same one each time.

    Knows local `$ref`, `anyOf`, `oneOf`, `allOf`, `enum`, `const`, lengths and bounds. A schema
    whose recursion has no way out (no null, no array) yields null at a depth of six.
    """
    return _fill(schema, schema, 0)


def _fill(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, dict) or depth > 2 * _MAX_DEPTH:
        return None
    if "$ref" in schema:
        return _fill(_resolve(schema["$ref"], root), root, depth + 1)
    if listed := [schema["const"]] if "const" in schema else schema.get("enum"):
        return listed[0]
    if parts := schema.get("allOf"):
        rest = {name: value for name, value in schema.items() if name != "allOf"}
        return _fill(_merged([rest, *parts], root), root, depth + 1)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return _fill(_choose(options, depth), root, depth + 1)
    return _fill_type(schema, root, depth)


def _fill_type(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = "null" if "null" in kind and depth > _MAX_DEPTH else kind[0]
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _fill(part, root, depth + 1) for name, part in properties.items()}
    if kind == "array":
        wanted = schema.get("minItems", 0 if depth > _MAX_DEPTH else 1)
        return [_fill(schema.get("items", {}), root, depth + 1) for _ in range(wanted)]
    if kind in {"integer", "number"}:
        return _number(schema)
    if kind == "string":
        text = "text".ljust(schema.get("minLength", 0), "x")
        return text[: schema.get("maxLength", len(text))]
    return _BY_TYPE.get(kind)


def _number(schema: Mapping[str, Any]) -> Any:
    step = schema.get("multipleOf", 1)
    if "minimum" in schema or "exclusiveMinimum" in schema:
        lowest = max(
            schema.get("minimum", float("-inf")),
            schema.get("exclusiveMinimum", float("-inf")) + step,
        )
        return -(-lowest // step) * step
    highest = min(schema.get("maximum", step), schema.get("exclusiveMaximum", step + step) - step)
    return highest // step * step


def _choose(options: list[Any], depth: int) -> Any:
    nulls = [part for part in options if isinstance(part, dict) and part.get("type") == "null"]
    others = [part for part in options if part not in nulls]
    first, second = (nulls, others) if depth > _MAX_DEPTH else (others, nulls)
    return (first or second)[0]


def _merged(parts: list[Any], root: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for raw in parts:
        part = _resolve(raw["$ref"], root) if "$ref" in raw else raw
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        merged |= part
        if properties:
            merged["properties"] = properties
    return merged


def _resolve(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
    return found
