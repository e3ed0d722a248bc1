"""Balances and key use, as billing.ledger tells them: shown, never decided by."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest_asyncio

from services.control.balances.store_balances import WorkspaceBalance, read_balance
from services.control.handlers import project_ledger
from shared.events.catalog import BILLING_LEDGER
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from shared.postgres.retrying import in_transaction
from tests.integration.control.conftest import Control, Person, until
from tests.made_events import ledger_entry, outgoing, received

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@dataclass
class Owner:
    """A user with a key, and the ledger of the workspace."""

    person: Person
    workspace_id: int
    key_id: int
    entry_id: int = 0
    balance: int = 0

    def top_up(self, units: int) -> LedgerEntryPosted:
        return self._entry(kind=EntryKind.TOP_UP, amount_units=units)

    def charge(self, units: int, **changes: Any) -> LedgerEntryPosted:
        return self._entry(
            kind=EntryKind.CHARGE, amount_units=-units, key_id=self.key_id, **changes
        )

    async def key(self) -> Any:
        return await self.person.do("GET", f"/api/token/{self.key_id}")

    def _entry(self, **changes: Any) -> LedgerEntryPosted:
        self.entry_id += 1
        self.balance += changes["amount_units"]
        return ledger_entry(
            workspace_id=self.workspace_id,
            entry_id=self.entry_id,
            cause=f"test:{self.entry_id}",
            balance_after_units=self.balance,
            posted_at=NOW + timedelta(seconds=self.entry_id),
            **changes,
        )


@pytest_asyncio.fixture(loop_scope="session")
async def owner(control: Control, root: Person) -> Owner:
    """Of ids that no other test's entries on the topic have."""
    first = secrets.randbelow(10**15) + 10**9
    owning = await asyncpg.connect(control.database.dsn("control_owner"))
    try:
        for table in ("tokens", "workspaces"):
            query = "SELECT setval(pg_get_serial_sequence($1, 'id'), $2)"
            await owning.fetchval(query, f"control.{table}", first)
    finally:
        await owning.close()
    await root.do("POST", "/api/user/", {"username": "ada", "password": "a user's password"})
    person = await control.log_in("ada", "a user's password")
    made = await person.do("POST", "/api/token/", {"name": "k", "remain_quota": 1000})
    return Owner(person, made["workspace_id"], made["id"])


async def _apply(control: Control, entries: Sequence[LedgerEntryPosted]) -> None:
    records = [received(outgoing(BILLING_LEDGER.name, entry)) for entry in entries]
    async with asyncpg.create_pool(control.database.dsn("control"), min_size=1) as pool:
        await in_transaction(pool, partial(project_ledger, records=records))


async def _balance(control: Control, workspace_id: int) -> WorkspaceBalance:
    async with asyncpg.create_pool(control.database.dsn("control"), min_size=1) as pool:
        return await read_balance(pool, workspace_id)


async def test_entries_on_the_topic_are_shown(control: Control, owner: Owner) -> None:
    assert await _balance(control, owner.workspace_id) == WorkspaceBalance()
    entries = [
        owner.top_up(5000),
        owner.charge(300, key_remain_units=700, key_quota_version=1),
        owner.charge(50, key_remain_units=650, key_quota_version=1),
    ]
    key = str(owner.workspace_id).encode()
    sent = [outgoing(BILLING_LEDGER.name, entry, key=key) for entry in entries]
    unreadable = OutgoingRecord(BILLING_LEDGER.name, key, b"{}", sent[0].headers)
    async with IdempotentProducer(
        bootstrap=control.settings.kafka_bootstrap, client_id="test"
    ) as producer:
        # The end is sent twice, as by a publisher that died before it noted what it had sent.
        await producer.send_all([*sent[:2], unreadable, *sent[1:], *sent[1:]])

    async def is_shown() -> bool:
        return bool((await owner.key())["used_quota"] == 350)

    await until(is_shown)
    row = await owner.key()
    assert (row["remain_quota"], row["request_count"], row["status"]) == (650, 2, 1)
    assert row["accessed_time"] == int(NOW.timestamp()) + 3
    assert await _balance(control, owner.workspace_id) == WorkspaceBalance(
        quota_units=4650, used_units=350, request_count=2, as_of=NOW + timedelta(seconds=3)
    )
    metrics = await control.text("/metrics")
    assert 'ledgerline_consumer_lag_events{group="control"' in metrics


async def test_a_batch_that_comes_again_counts_once(control: Control, owner: Owner) -> None:
    entries = [owner.top_up(100), owner.charge(1), owner.charge(2), owner.charge(4)]
    await _apply(control, entries[:3])
    await _apply(control, entries[1:3])
    await _apply(control, entries)
    await _apply(control, entries[:2])
    balance = await _balance(control, owner.workspace_id)
    assert balance[:3] == (93, 7, 3)
    assert (await owner.key())["used_quota"] == 7


async def test_a_key_that_has_spent_it_all_is_shown_as_exhausted(
    control: Control, owner: Owner
) -> None:
    spent = owner.charge(1001, key_remain_units=-1, key_quota_version=1)
    await _apply(control, [spent])
    row = await owner.key()
    assert (row["status"], row["remain_quota"], row["used_quota"]) == (4, 0, 1001)
    more = await owner.person.do("PUT", "/api/token/", {"id": owner.key_id, "remain_quota": 5})
    assert (more["status"], more["remain_quota"], more["quota_version"]) == (1, 5, 2)
    # What was under way under the older setting does not hide the present one.
    await _apply(control, [owner.charge(9, key_remain_units=-10, key_quota_version=1)])
    assert (await owner.key())["remain_quota"] == 5


async def test_a_stale_row_that_is_sent_back_grants_nothing_again(
    control: Control, owner: Owner
) -> None:
    await _apply(control, [owner.charge(100, key_remain_units=900, key_quota_version=1)])
    read = await owner.key()
    await _apply(control, [owner.charge(400, key_remain_units=500, key_quota_version=1)])
    renamed = await owner.person.do("PUT", "/api/token/", {**read, "name": "renamed"})
    assert (renamed["name"], renamed["remain_quota"]) == ("renamed", 500)
    assert renamed["quota_version"] == 1
    topped = await owner.person.do(
        "PUT", "/api/token/", {**read, "remain_quota": read["remain_quota"] + 50}
    )
    assert (topped["remain_quota"], topped["quota_version"]) == (550, 2)
    complaint = await owner.person.refused("PUT", "/api/token/", {**read, "remain_quota": 7})
    assert "read the key again" in complaint


async def test_what_is_not_an_entry_is_passed_over(control: Control, owner: Owner) -> None:
    entry = owner.top_up(1)
    record = received(outgoing(BILLING_LEDGER.name, entry))
    unknown = {**record.headers, "ce_type": b"ledgerline.subscription.changed.v1"}
    other = record._replace(headers=unknown)
    async with asyncpg.create_pool(control.database.dsn("control"), min_size=1) as pool:
        await in_transaction(pool, partial(project_ledger, records=[other]))
    assert await _balance(control, owner.workspace_id) == WorkspaceBalance()
