"""Messages as they were once produced, one full and one minimal of each kept event and version.

They are never changed or removed: a record of that age may still be on a topic.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from shared.events.catalog import CATALOG, Kind
from shared.events.event import Decoder
from shared.events.schemas import events, schema_path

GOLDEN: Final = Path(__file__).parent / "golden"
MESSAGES = [pytest.param(path, id=path.stem) for path in sorted(GOLDEN.glob("*.json"))]
BY_TYPE: Final = {event.TYPE: event for event in events()}


def _read(path: Path) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return message


def _restricted(read: Any, written: Any) -> Any:
    """What was read, without the fields that are younger than the message."""
    if isinstance(read, dict) and isinstance(written, dict):
        return {name: _restricted(read[name], value) for name, value in written.items()}
    if isinstance(read, list) and isinstance(written, list) and len(read) == len(written):
        return [_restricted(*pair) for pair in zip(read, written, strict=True)]
    return read


@pytest.mark.parametrize("path", MESSAGES)
def test_a_golden_message_still_parses_to_the_same_values(path: Path) -> None:
    message = _read(path)
    headers = {name: content.encode() for name, content in message["headers"].items()}
    value = json.dumps(message["value"]).encode()

    event = Decoder(tuple(events())).decode(headers, value)

    assert type(event) is BY_TYPE[message["headers"]["ce_type"]]
    read = event.model_dump(mode="json")
    assert _restricted(read, message["value"]) == message["value"]


@pytest.mark.parametrize("path", MESSAGES)
def test_a_golden_message_is_valid_by_the_committed_schema(path: Path) -> None:
    message = _read(path)
    schema = json.loads(schema_path(BY_TYPE[message["headers"]["ce_type"]]).read_text())

    Draft202012Validator(schema).validate(message["value"])


@pytest.mark.parametrize("path", MESSAGES)
def test_a_golden_message_has_the_headers_of_cloudevents(path: Path) -> None:
    headers = _read(path)["headers"]

    assert headers["ce_specversion"] == "1.0"
    assert headers["content-type"] == "application/json"
    assert {"ce_id", "ce_type", "ce_source", "ce_time"} <= headers.keys()


def test_each_kept_event_has_a_full_and_a_minimal_message() -> None:
    for event in (e for t in CATALOG if t.kind is Kind.KEPT for e in t.events):
        full, minimal = (
            _read(GOLDEN / f"{event.TYPE}.{which}.json")["value"] for which in ("full", "minimal")
        )
        required = {name for name, field in event.model_fields.items() if field.is_required()}
        assert minimal.keys() == required
        # What was added since is in a golden message of its own.
        later = event.model_fields.keys() - full.keys()
        assert later <= {
            name for path in GOLDEN.glob(f"{event.TYPE}.*.json") for name in _read(path)["value"]
        }


def test_a_field_and_a_header_of_a_later_release_are_ignored() -> None:
    for path in GOLDEN.glob("*.minimal.json"):
        message = _read(path)
        headers = {name: content.encode() for name, content in message["headers"].items()}
        value = json.dumps(message["value"] | {"of_a_later_release": {"a": [1]}}).encode()

        event = Decoder(tuple(events())).decode(headers | {"ce_later": b"1"}, value)

        assert "of_a_later_release" not in event.model_dump()
