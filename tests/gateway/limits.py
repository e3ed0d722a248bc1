"""Limits as the relays hear of them: put on control's topics, and known to every relay.

Written to the topics themselves, so that these drills ask nothing of control but a key.
"""

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Any

import aiohttp

from deploy.local.stack import Stack
from shared.events.catalog import CONTROL_KEYS, CONTROL_ROUTING
from shared.events.event import Attributes, Event, encode_headers, encode_value, new_event_id
from shared.events.keys import KeyChanged
from shared.events.limits import LimitChanged, RequestLimits
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from tests.gateway.catching_up import read_topic
from tests.gateway.operator import MODEL, Customer

_DEADLINE_S = 30.0


async def limit_key(
    stack: Stack, customer: Customer, limits: RequestLimits, *, model: str = MODEL
) -> None:
    """Give the customer's key these limits, on every relay; from now on it may use one model."""
    key_hash = hashlib.sha256(customer.api_key.removeprefix("sk-").encode()).hexdigest()
    known = await _known_key(stack, key_hash)
    # That the models are fewer is how it is seen that a relay has heard of it.
    changed = known.model_copy(update={"limits": limits, "model_limits": (model,)})
    await _publish(stack, CONTROL_KEYS.name, key_hash, changed)
    await _heard(stack, customer, model)


async def publish_limit(stack: Stack, limit: LimitChanged) -> None:
    """Put a workspace's rule on its topic. That it has come, its headers tell."""
    await _publish(stack, CONTROL_ROUTING.name, f"limit:{limit.limit_id}", limit)


async def _known_key(stack: Stack, key_hash: str) -> KeyChanged:
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            for record in reversed(await read_topic(stack, CONTROL_KEYS.name)):
                if record.key == key_hash.encode() and record.value is not None:
                    return KeyChanged.model_validate_json(record.value)
            await asyncio.sleep(0.05)


async def _publish(stack: Stack, topic: str, key: str, event: Event) -> None:
    attributes = Attributes(id=new_event_id(), source="tests", time=datetime.now(UTC))
    headers = encode_headers(event.TYPE, attributes)
    record = OutgoingRecord(topic, key.encode(), encode_value(event), headers)
    producer = IdempotentProducer(bootstrap=stack.kafka_bootstrap, client_id="tests-limits")
    async with producer:
        await producer.send_all([record])


async def _heard(stack: Stack, customer: Customer, model: str) -> None:
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as http, asyncio.timeout(_DEADLINE_S):
        for relay in range(stack.spec.relays):
            while await _models(http, stack.relay_url(relay)) != [model]:
                await asyncio.sleep(0.05)


async def _models(http: aiohttp.ClientSession, url: str) -> list[Any]:
    async with http.get(f"{url}/v1/models") as response:
        listed = await response.json()
        return [model["id"] for model in listed.get("data", [])]
