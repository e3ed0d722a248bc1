"""Records of the public topics are read as they are, and as they may become."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledgerline_events import LedgerEntryPosted, RequestCompleted, UnreadableEventError, read
from ledgerline_events.models import BY_TYPE

_GOLDEN = Path(__file__).parents[3] / "tests" / "contract" / "golden"
_MESSAGES = [
    path for path in sorted(_GOLDEN.glob("*.json")) if path.name.rsplit(".", 2)[0] in BY_TYPE
]


@dataclass
class _Record:
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None
    topic: str = "relay.requests"
    partition: int = 3
    offset: int = 41


def _record(headers: dict[str, str], value: Any) -> _Record:
    told = [(name, each.encode()) for name, each in headers.items()]
    return _Record(told, json.dumps(value).encode())


def _golden(name: str) -> tuple[dict[str, str], dict[str, Any]]:
    message = json.loads((_GOLDEN / name).read_text(encoding="utf-8"))
    return message["headers"], message["value"]


def _same(told: Any, given: Any) -> bool:
    """Whether what was read is what was sent: exact numbers and times may be written otherwise."""
    if isinstance(given, dict):
        return all(_same(told[name], each) for name, each in given.items())
    if isinstance(given, list):
        return len(told) == len(given) and all(map(_same, told, given))
    if isinstance(told, Decimal):
        return told == Decimal(str(given))
    if isinstance(told, datetime):
        return told == datetime.fromisoformat(given)
    return bool(told == given)


def test_every_public_event_has_messages_here() -> None:
    assert {path.name.rsplit(".", 2)[0] for path in _MESSAGES} == set(BY_TYPE)


@pytest.mark.parametrize("path", _MESSAGES, ids=lambda path: path.stem)
def test_nothing_of_a_message_is_lost(path: Path) -> None:
    headers, value = _golden(path.name)
    event = read(_record(headers, value))
    assert event is not None
    assert (event.id, event.type, event.source) == (
        headers["ce_id"],
        headers["ce_type"],
        headers["ce_source"],
    )
    assert event.time == datetime.fromisoformat(headers["ce_time"])
    assert _same(event.data.model_dump(), value)


def test_models_are_told_apart_by_their_class() -> None:
    request = read(_record(*_golden("ledgerline.request.completed.v1.full.json")))
    assert request is not None
    assert isinstance(request.data, RequestCompleted)
    assert request.data.rating is not None
    assert request.data.rating.model_ratio == Decimal("0.075")
    entry = read(_record(*_golden("ledgerline.ledger.entry_posted.v1.refund.json")))
    assert entry is not None
    assert isinstance(entry.data, LedgerEntryPosted)
    assert entry.data.posted_at == datetime(2026, 11, 23, 0, 0, 15, 250_000, tzinfo=UTC)


def test_what_a_later_release_adds_is_passed_over() -> None:
    headers, value = _golden("ledgerline.request.completed.v1.full.json")
    later = {**value, "outcome": "postponed", "key_name": "x" * 10_000, "new": {"field": 1}}
    event = read(_record({**headers, "ce_new": "attribute"}, later))
    assert event is not None
    assert isinstance(event.data, RequestCompleted)
    assert (event.data.outcome, len(event.data.key_name)) == ("postponed", 10_000)
    assert read(_record({**headers, "ce_type": "ledgerline.request.completed.v2"}, {})) is None
    assert read(_Record([], None)) is None, "a record that is no event of ours"


@pytest.mark.parametrize("broken", ["no JSON", "a wrong field", "no field", "no id", "no time"])
def test_what_cannot_be_read_is_told_by_its_place_and_never_quoted(broken: str) -> None:
    headers, value = _golden("ledgerline.request.completed.v1.full.json")
    record = _record(headers, value | ({"quota": "SECRET"} if broken == "a wrong field" else {}))
    if broken == "no field":
        record = _record(headers, {})
    elif broken == "no JSON":
        record.value = b"{SECRET"
    elif broken == "no id":
        record.headers = [(name, each) for name, each in record.headers if name != "ce_id"]
    elif broken == "no time":
        record = _record({**headers, "ce_time": "SECRET"}, value)
    with pytest.raises(UnreadableEventError) as refused:
        read(record)
    assert str(refused.value).startswith("relay.requests/3 at 41: ")
    assert "SECRET" not in str(refused.value)
    assert refused.value.__cause__ is None
