"""The package's models are made from the public events' schemas as they are now."""

from collections.abc import Iterator
from typing import Any

import pytest

from operations.events_package.__main__ import MODELS, files, public_events
from operations.events_package.tolerant import tolerant
from shared.events.event import Event
from shared.events.schemas import schema_of


def test_the_committed_models_are_made_from_the_schemas() -> None:
    made = {path.name: text for path, text in files().items()}
    committed = {path.name: path.read_text(encoding="utf-8") for path in MODELS.glob("*.py")}
    assert committed == made, "run `python -P -m operations.events_package`"


def _keywords(schema: dict[str, Any]) -> Iterator[str]:
    for keyword, value in schema.items():
        yield keyword
        if keyword in {"properties", "$defs"}:
            for each in value.values():
                yield from _keywords(each)
        elif keyword != "default":
            for each in value if isinstance(value, list) else [value]:
                yield from _keywords(each) if isinstance(each, dict) else ()


@pytest.mark.parametrize("event", public_events(), ids=lambda event: event.__name__)
def test_a_reader_is_asked_for_no_bound_that_may_be_widened(event: type[Event]) -> None:
    asked = set(_keywords(tolerant(schema_of(event))))
    assert asked <= {
        *("$schema", "$id", "$ref", "$defs", "title", "description", "default"),
        *("type", "format", "anyOf", "properties", "required", "items", "additionalProperties"),
    }
