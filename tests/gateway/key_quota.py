"""A key's limit as relays and billing hear of it: put on control's topics, and known to all.

Written to the topics themselves, so that a drill of limits asks nothing of control but a key.
"""

import asyncio
import hashlib
from datetime import UTC, datetime

import aiohttp
import asyncpg

from deploy.local.stack import Stack
from shared.events.catalog import CONTROL_DIRECTORY, CONTROL_KEYS
from shared.events.directory import KeyListed
from shared.events.event import Attributes, Event, encode_headers, encode_value, new_event_id
from shared.events.keys import KeyChanged
from shared.events.routing import Status
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from tests.gateway.operator import MODEL, Customer

_DEADLINE_S = 30.0
_LIMIT = "SELECT limit_units - used_quota FROM billing.token_usage WHERE key_id = $1"


async def limit_key(stack: Stack, customer: Customer, *, remain_units: int) -> None:
    """Let the customer's key spend so much from now on; answered when billing and relays know."""
    key_hash = hashlib.sha256(customer.api_key.removeprefix("sk-").encode()).hexdigest()
    version = int(datetime.now(UTC).timestamp() * 1000)
    listed = KeyListed(
        key_id=customer.key_id,
        name="test",
        workspace_id=customer.workspace_id,
        user_id=customer.user_id,
        status=Status.ENABLED,
        unlimited_quota=False,
        remain_quota=remain_units,
        quota_version=version,
    )
    changed = KeyChanged(
        key_id=customer.key_id,
        name="test",
        workspace_id=customer.workspace_id,
        user_id=customer.user_id,
        status=Status.ENABLED,
        unlimited_quota=False,
        # That the models are fewer is how it is seen that a relay has heard of it.
        model_limits=(MODEL,),
    )
    producer = IdempotentProducer(bootstrap=stack.kafka_bootstrap, client_id="tests-key-quota")
    async with producer:
        await producer.send_all(
            [
                _record(CONTROL_DIRECTORY.name, f"key:{customer.key_id}", listed),
                _record(CONTROL_KEYS.name, key_hash, changed),
            ]
        )
    async with asyncio.timeout(_DEADLINE_S):
        await _billing_knows(stack, customer, remain_units)
        await _relays_know(stack, customer)


def _record(topic: str, key: str, event: Event) -> OutgoingRecord:
    attributes = Attributes(id=new_event_id(), source="tests", time=datetime.now(UTC))
    headers = encode_headers(event.TYPE, attributes)
    return OutgoingRecord(topic, key.encode(), encode_value(event), headers)


async def _billing_knows(stack: Stack, customer: Customer, remain_units: int) -> None:
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        while await connection.fetchval(_LIMIT, customer.key_id) != remain_units:
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def _relays_know(stack: Stack, customer: Customer) -> None:
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for relay in range(stack.spec.relays):
            models: list[str] = []
            while models != [MODEL]:
                async with http.get(f"{stack.relay_url(relay)}/v1/models") as response:
                    listed = await response.json()
                models = [model["id"] for model in listed.get("data", [])]
                await asyncio.sleep(0.05)
