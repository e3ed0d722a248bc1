"""A running `billing`, and what tests ask of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import asyncpg

from shared.events.catalog import CONTROL_DIRECTORY
from shared.events.directory import Role
from shared.events.event import Attributes, Event, encode_headers, encode_value, new_event_id
from shared.events.requests import RequestCompleted
from shared.http.assertions import ASSERTION_HEADER, AssertionSigner, Caller
from shared.kafka.records import OutgoingRecord
from tests.integration.kafka.waiting import until

ROOT = Caller(user_id=1, username="root", role=Role.ROOT, workspace_id=1)
USER = Caller(user_id=2, username="ann", role=Role.USER, workspace_id=2)
RELAY_SECRET = "made-up-relay-secret"


def outgoing(events: Sequence[RequestCompleted]) -> list[OutgoingRecord]:
    """Requests as a relay publishes them."""
    return [
        OutgoingRecord(
            "relay.requests",
            str(event.workspace_id).encode(),
            encode_value(event),
            encode_headers(
                event.TYPE,
                Attributes(id=event.request_id, source="relay", time=event.completed_at),
            ),
        )
        for event in events
    ]


def listed(record_key: str, event: Event) -> OutgoingRecord:
    """What control says on `control.directory`."""
    attributes = Attributes(id=new_event_id(), source="control", time=datetime.now(UTC))
    headers = encode_headers(event.TYPE, attributes)
    return OutgoingRecord(CONTROL_DIRECTORY.name, record_key.encode(), encode_value(event), headers)


@dataclass(frozen=True, kw_only=True)
class BillingService:
    """Its two ports and its database."""

    api_url: str
    internal_url: str
    session: aiohttp.ClientSession
    signer: AssertionSigner
    pool: asyncpg.Pool

    async def is_ready(self) -> bool:
        """Whether it takes work."""
        async with self.session.get(self.internal_url + "/health/ready") as response:
            return response.status == 200

    async def call(
        self, method: str, path: str, body: Any = None, *, caller: Caller | None = ROOT
    ) -> tuple[int, Any]:
        """An `/api` call, as the relay passes it on: status and JSON."""
        headers = {}
        if caller is not None:
            headers[ASSERTION_HEADER] = self.signer.sign(caller, audience="billing")
        async with self.session.request(
            method, self.api_url + path, json=body, headers=headers
        ) as response:
            return response.status, await response.json()

    async def tell(
        self, body: Any, *, credential: str = f"relay:{RELAY_SECRET}"
    ) -> tuple[int, Any]:
        """A lease message over HTTP."""
        async with self.session.post(
            self.internal_url + "/internal/leases",
            json=body,
            headers={"Authorization": f"Bearer {credential}"},
        ) as response:
            return response.status, await response.json()

    async def has_charged(self, events: Sequence[RequestCompleted]) -> None:
        """Wait until each of the requests is in the ledger."""
        causes = [f"request:{event.request_id}" for event in events]

        async def are_there() -> bool:
            found = await self.pool.fetchval(
                "SELECT count(*) FROM ledger_entries WHERE cause = ANY($1)", causes
            )
            return bool(found == len(causes))

        await until(are_there, f"{len(causes)} requests are charged")
