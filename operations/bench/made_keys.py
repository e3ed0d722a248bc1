"""API keys as control publishes them, for filling a topic: most are plain, some are limited."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from shared.events.catalog import CONTROL_KEYS
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.events.keys import KeyChanged
from shared.events.limits import RequestLimits
from shared.events.routing import Status
from shared.kafka.records import OutgoingRecord

_NAMES: Final = ("laptop", "production", "ci runner", "staging-eu-west-1", "data science notebooks")
_MODELS: Final = ("gpt-4o-mini", "gpt-4o", "claude-sonnet-4-20250514", "text-embedding-3-small")
_ADDRESSES: Final = ("192.0.2.17", "198.51.100.0/24", "2001:db8:40::/48")
_LIMITS: Final = RequestLimits(
    requests_per_minute=600, tokens_per_minute=200_000, concurrent_requests=20
)
_FIRST_ID: Final = 1_000_000
_KEYS_PER_WORKSPACE: Final = 4
_TENTH: Final = 10
_FIFTH: Final = 5
_SOURCE: Final = "ledgerline/control/bench"


def made_key_hash(number: int) -> bytes:
    """Under what the key of this number is found."""
    return sha256(b"key %d" % number).digest()


def made_keys(count: int, *, first: int = 0, status: Status = Status.ENABLED) -> Iterator[bytes]:
    """The values of `count` keys from number `first` on."""
    for number in range(first, first + count):
        yield encode_value(made_key(number, status))


def made_key(number: int, status: Status = Status.ENABLED) -> KeyChanged:
    """A tenth have lists of models and addresses and limits, a fifth an own quota or an end."""
    workspace_id = _FIRST_ID + number // _KEYS_PER_WORKSPACE
    values: dict[str, Any] = {}
    if number % _TENTH == 0:
        values["model_limits"] = _MODELS[: number // _TENTH % len(_MODELS) + 1]
        values["allow_addresses"] = _ADDRESSES[: number // _TENTH % len(_ADDRESSES) + 1]
        values["limits"] = _LIMITS
    if number % _FIFTH == 1:
        values["expires_at"] = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        values["group"] = "vip"
    return KeyChanged(
        key_id=_FIRST_ID + number,
        name=f"{_NAMES[number % len(_NAMES)]} {number}",
        workspace_id=workspace_id,
        project_id=workspace_id if number % _KEYS_PER_WORKSPACE == 0 else None,
        user_id=workspace_id,
        status=status,
        unlimited_quota=number % _FIFTH != 2,  # noqa: PLR2004 - another fifth
        **values,
    )


def made_key_records(count: int, *, first: int = 0) -> Iterator[OutgoingRecord]:
    """The same as records of `control.keys`."""
    now = datetime.now(UTC)
    for number, value in enumerate(made_keys(count, first=first), first):
        attributes = Attributes(id=new_event_id(), source=_SOURCE, time=now)
        yield OutgoingRecord(
            topic=CONTROL_KEYS.name,
            key=made_key_hash(number).hex().encode(),
            value=value,
            headers=encode_headers(KeyChanged.TYPE, attributes),
        )
