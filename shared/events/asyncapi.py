"""The catalogue as an AsyncAPI 3 document, for internal teams and their tools. Pure.

Payloads are JSON Schemas under `components/schemas`, with every reference inside of the document,
so that any tool reads it alone. Ledgerline is the application: its operations are what it sends.
"""

from collections.abc import Iterable
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from shared.events.catalog import Kind, TopicSpec
from shared.events.event import Event

VERSION: Final = "1.0.0"
"""Of the contract: the first figure moves with an event's version, the second when it grows."""
_REFERENCE: Final = "#/components/schemas/{model}"
_TEXT: Final = {"type": "string"}
_HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "The attributes of CloudEvents 1.0, in Kafka's binary mode.",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {**_TEXT, "description": "A UUIDv7. The same id again is the same event."},
        "ce_type": _TEXT,
        "ce_source": {**_TEXT, "description": "Who made it, such as `ledgerline/relay/<id>`."},
        "ce_time": {**_TEXT, "format": "date-time"},
        "content-type": {"type": "string", "const": "application/json"},
        "ce_traceparent": {**_TEXT, "description": "W3C Trace Context of what caused it."},
        "ce_kind": {**_TEXT, "description": "On `billing.ledger`: repeats the entry's `kind`."},
        "ce_replayed": {
            **_TEXT,
            "description": "`1` on a record of `relay.requests` that may be there already, on"
            " another offset: sent again after an outage, or out of a dead relay's journal.",
        },
    },
}
_ABOUT: Final = (
    "What Ledgerline tells on Kafka. Topics tagged `public` are a contract: within an event's"
    " version fields are only ever added. The others are Ledgerline's own. Delivery is at least"
    " once; order holds within a partition. How to read them: docs/events/guide.md."
)


def asyncapi(catalog: Iterable[TopicSpec]) -> dict[str, Any]:
    """The document."""
    topics = tuple(catalog)
    events = tuple(dict.fromkeys(event for topic in topics for event in topic.events))
    _, schemas = models_json_schema(
        [(event, "validation") for event in events], ref_template=_REFERENCE
    )
    return {
        "asyncapi": "3.0.0",
        "id": "urn:ledgerline:events",
        "info": {
            "title": "Ledgerline's events",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
            "tags": [{"name": "public"}, {"name": "internal"}],
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The cluster's bootstrap address; the operator gives it out.",
                "variables": {"bootstrap": {"default": "127.0.0.1:19092"}},
            }
        },
        "channels": {_channel(topic): _channel_of(topic) for topic in topics},
        "operations": {f"send.{_channel(topic)}": _operation_of(topic) for topic in topics},
        "components": {
            "schemas": schemas["$defs"],
            "messages": {event.TYPE: _message_of(event) for event in events},
            "messageTraits": {"cloudevent": {"headers": _HEADERS}},
        },
    }


def _channel(topic: TopicSpec) -> str:
    return topic.name.replace(".", "-")


def _channel_of(topic: TopicSpec) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "cleanup.policy": ["delete" if topic.kind is Kind.KEPT else "compact"]
    }
    if topic.retention_ms is not None:
        configuration["retention.ms"] = topic.retention_ms
    return {
        "address": topic.name,
        "title": topic.name,
        "description": _description(topic),
        "servers": [{"$ref": "#/servers/kafka"}],
        "tags": [{"name": "public" if topic.is_public else "internal"}],
        "messages": {
            event.TYPE: {"$ref": f"#/components/messages/{event.TYPE}"} for event in topic.events
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": configuration,
                "bindingVersion": "0.5.0",
            }
        },
    }


def _description(topic: TopicSpec) -> str:
    kept = (
        "Every record is kept for a time."
        if topic.kind is Kind.KEPT
        else "Compacted: the newest record of each key; a null value is a deletion."
    )
    readers = ", ".join(topic.consumers) or "the reconcile command"
    return (
        f"{kept} The record's key: {topic.key}. "
        f"From {', '.join(topic.producers)} to {readers}{', and you' if topic.is_public else ''}."
    )


def _operation_of(topic: TopicSpec) -> dict[str, Any]:
    channel = f"#/channels/{_channel(topic)}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "summary": f"{', '.join(topic.producers)} sends to {topic.name}.",
        "messages": [{"$ref": f"{channel}/messages/{event.TYPE}"} for event in topic.events],
    }


def _message_of(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "payload": {"$ref": _REFERENCE.format(model=event.__name__)},
        "bindings": {"kafka": {"key": _TEXT, "bindingVersion": "0.5.0"}},
    }
