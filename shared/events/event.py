"""What every event is: an immutable pydantic model that knows its CloudEvents type.

In Kafka's binary mode the attributes travel as `ce_*` headers and the value is the model's JSON.
Readers ignore fields that they do not know; v1 only grows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final

import uuid_utils
from pydantic import BaseModel, ConfigDict, ValidationError

MAX_EVENT_BYTES: Final = 64 * 1024
_CONTENT_TYPE: Final = (("content-type", b"application/json"), ("ce_specversion", b"1.0"))


class Event(BaseModel):
    """Base of all events. `TYPE` is the CloudEvents type, with its version at the end."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True
    )
    TYPE: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """The CloudEvents attributes that accompany an event."""

    id: str
    source: str
    time: datetime
    traceparent: str | None = None


class UnknownEventError(Exception):
    """The record's `ce_type` is not one that the reader knows; readers skip it."""


class MalformedEventError(Exception):
    """The record cannot be read as the event it says it is. Never retried. Names fields only."""


def new_event_id() -> str:
    """A UUIDv7: unique, and roughly in order of time."""
    return str(uuid_utils.uuid7())


def encode_headers(event_type: str, attributes: Attributes) -> tuple[tuple[str, bytes], ...]:
    """The headers of CloudEvents' binary mode."""
    headers = (
        *_CONTENT_TYPE,
        ("ce_id", attributes.id.encode()),
        ("ce_type", event_type.encode()),
        ("ce_source", attributes.source.encode()),
        ("ce_time", attributes.time.astimezone(UTC).isoformat().encode()),
    )
    if attributes.traceparent is None:
        return headers
    return (*headers, ("ce_traceparent", attributes.traceparent.encode()))


def encode_value(event: Event) -> bytes:
    """The JSON value. Raises ValueError where it would be larger than MAX_EVENT_BYTES."""
    value = event.__pydantic_serializer__.to_json(event)
    if len(value) > MAX_EVENT_BYTES:
        msg = f"{event.TYPE} of {len(value)} bytes is larger than {MAX_EVENT_BYTES}"
        raise ValueError(msg)
    return value


class Decoder:
    """Reads the events of one consumer: those types that it names, and no others."""

    def __init__(self, events: Sequence[type[Event]]) -> None:
        self._models: Mapping[bytes, type[Event]] = {e.TYPE.encode(): e for e in events}

    def decode(self, headers: Mapping[str, bytes], value: bytes | None) -> Event:
        """The event of a record.

        Raises UnknownEventError for a type not named, MalformedEventError for what cannot be read.
        """
        model = self._models.get(headers.get("ce_type", b""))
        if model is None:
            raise UnknownEventError
        if value is None:
            raise MalformedEventError("the value is null")
        try:
            return model.model_validate_json(value)
        except ValidationError as error:
            fields = sorted(
                {".".join(map(str, e["loc"])) for e in error.errors(include_input=False)}
            )
            raise MalformedEventError(f"{model.TYPE}: {', '.join(fields)[:200]}") from None
