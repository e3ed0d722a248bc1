"""No event can outgrow a record, and none has a place for what was said."""

import re

import orjson
import pytest
from pydantic import ValidationError

from shared.events.catalog import CATALOG, Kind
from shared.events.event import MAX_EVENT_BYTES, Event, encode_value
from shared.events.requests import Rating, RequestCompleted
from shared.events.schemas import events, schema_of
from tests.contract.schema_walk import largest, leaves

EVENTS = [pytest.param(event, id=event.TYPE) for event in events()]
KEPT = [
    pytest.param(event, id=event.TYPE)
    for topic in CATALOG
    if topic.kind is Kind.KEPT
    for event in topic.events
]
WHAT_WAS_SAID = re.compile(
    r"prompt|messages?|content|answer|body|text|input|output|completion|tool|metadata|arguments"
)
FIGURES = {
    *("prompt_tokens", "prompt_includes_cached", "completion_tokens", "completion_ratio"),
    *("output_audio_tokens", "output_image_tokens", "output_audio_ratio", "output_image_ratio"),
    *("tool_calls", "tool_calls{}", "tool_prices", "tool_prices{}"),
}
"""Numbers, each looked at. `tool_calls` and `tool_prices` name the provider's own tools."""
FREE_TEXT = {
    *("workspace_name", "project_name", "key_name", "username", "path", "group", "user_group"),
    *("requested_model", "upstream_model", "channel_name", "provider", "upstream_request_id"),
    *("client_address", "user_agent", "origin", "request_host", "tags{}"),
    *("attempts[].channel_name", "attempts[].provider", "attempts[].upstream_model"),
}
"""Places of a request's event that may hold any characters. Each was looked at: names that people
gave to things of ours, addresses, the client's program, and tags of the key's owner."""


@pytest.mark.parametrize("event", EVENTS)
def test_every_value_is_bounded(event: type[Event]) -> None:
    schema = schema_of(event)
    for path, leaf in leaves(schema, schema):
        match leaf.get("type"):
            case "string":
                is_bounded = leaf.keys() & {"maxLength", "enum", "const"}
                assert is_bounded or leaf.get("format") == "date-time", path
            case "integer":
                assert "enum" in leaf or {"minimum", "maximum"} <= leaf.keys(), path
            case "decimal":
                assert {"minimum", "maximum"} <= leaf.keys(), path
            case "array":
                assert "maxItems" in leaf, path
            case "object":
                if "properties" not in leaf:
                    assert "maxProperties" in leaf, path
                    assert "maxLength" in leaf["propertyNames"], path
            case kind:
                assert kind in {"boolean", "null"}, path


def test_a_ratio_has_few_digits_though_it_travels_as_text() -> None:
    ratio = {"price_version": 1} | {
        name: "1" for name, field in Rating.model_fields.items() if field.is_required()
    }
    Rating.model_validate(ratio)
    for digits in ("1.0000000001", "0" * 1000 + "1" * 30, "1e400", "NaN", "Infinity"):
        with pytest.raises(ValidationError):
            Rating.model_validate(ratio | {"model_ratio": digits})


@pytest.mark.parametrize("event", KEPT)
def test_the_largest_event_that_its_type_allows_fits(event: type[Event]) -> None:
    schema = schema_of(event)
    biggest = event.model_validate_json(orjson.dumps(largest(schema, schema)))

    value = encode_value(biggest)

    assert len(value) < MAX_EVENT_BYTES
    assert event.model_validate_json(value) == biggest


@pytest.mark.parametrize("event", KEPT)
def test_no_field_is_named_for_what_was_said(event: type[Event]) -> None:
    schema = schema_of(event)
    named = {path.rpartition(".")[2] for path, _ in leaves(schema, schema)}

    assert {name for name in named if WHAT_WAS_SAID.search(name)} <= FIGURES


def test_each_place_for_free_text_in_a_request_is_a_known_and_short_one() -> None:
    schema = schema_of(RequestCompleted)
    free = {
        path.removeprefix("."): leaf["maxLength"]
        for path, leaf in leaves(schema, schema)
        if leaf.get("type") == "string" and leaf.get("pattern", "").startswith("^[^")
    }

    assert free.keys() == FREE_TEXT
    assert max(free.values()) <= 256
