"""Whether a new JSON Schema may take the place of an old one. Pure.

A version of an event only grows: whatever was valid stays valid, and whatever could be read can
still be read. So these are refused: a field that is gone, a field that is newly required, a type,
an enumeration or a bound that is narrower, and a field that got a type which it never had.
"""

from collections.abc import Iterator
from typing import Any, Final

Schema = dict[str, Any]
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_SAME: Final = ("pattern", "format")
_ANY: Final = "any"


def incompatibilities(old: Schema, new: Schema) -> list[str]:
    """What is wrong with `new`, each with the field's path; empty when it may replace `old`."""
    return list(_Comparison(old, new).differences(old, new, "value"))


class _Comparison:
    def __init__(self, old_root: Schema, new_root: Schema) -> None:
        self._old_root = old_root
        self._new_root = new_root

    def differences(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        old_branches = _branches(old, self._old_root)
        new_branches = _branches(new, self._new_root)
        for kind in sorted(old_branches.keys() - new_branches.keys()):
            yield f"{path}: is no longer {kind}"
        for kind in sorted(new_branches.keys() - old_branches.keys()):
            yield f"{path}: readers do not expect {kind}"
        for kind in sorted(old_branches.keys() & new_branches.keys()):
            yield from self._of_one_kind(old_branches[kind], new_branches[kind], path)

    def _of_one_kind(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        yield from _bounds(old, new, path)
        yield from _values(old, new, path)
        yield from self._fields(old, new, path)
        for name in ("items", "additionalProperties", "propertyNames"):
            if isinstance(new.get(name), dict):
                yield from self.differences(old.get(name) or {}, new[name], f"{path}[]")
        old_entries, new_entries = (each.get("patternProperties", {}) for each in (old, new))
        if old_entries.keys() != new_entries.keys():
            yield f"{path}: the names of its entries are others"
            return
        for name, entry in old_entries.items():
            yield from self.differences(entry, new_entries[name], f"{path}[]")

    def _fields(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
        for name in sorted(old_fields.keys() - new_fields.keys()):
            yield f"{path}.{name}: is gone"
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{path}.{name}: is newly required"
        for name in sorted(old_fields.keys() & new_fields.keys()):
            yield from self.differences(old_fields[name], new_fields[name], f"{path}.{name}")


def _branches(schema: Schema, root: Schema) -> dict[str, Schema]:
    """The alternatives of a schema by JSON type, references resolved."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" not in schema:
        return {schema.get("type", _ANY): schema}
    found: dict[str, Schema] = {}
    for branch in schema["anyOf"]:
        found |= _branches(branch, root)
    return found


def _bounds(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for name in _UPPER:
        if name in new and (name not in old or new[name] < old[name]):
            yield f"{path}: {name} is lower"
    for name in _LOWER:
        if name in new and (name not in old or new[name] > old[name]):
            yield f"{path}: {name} is higher"
    for name in _SAME:
        if old.get(name) != new.get(name):
            yield f"{path}: {name} is another"


def _values(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for name in ("enum", "const"):
        if name not in new:
            continue
        allowed = new[name] if name == "enum" else [new[name]]
        before = old.get("enum", [old["const"]] if "const" in old else None)
        if before is None:
            yield f"{path}: takes only some values now"
        elif gone := [value for value in before if value not in allowed]:
            yield f"{path}: no longer takes {gone}"
