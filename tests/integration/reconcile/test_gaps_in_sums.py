"""Sums and positions that do not fit are found: named by account, key, hour or offsets."""

import pytest

from shared.events.catalog import RELAY_REQUESTS
from tests.integration.reconcile.world import World
from tests.made_events import request

POSITIONS = "consumers are at the topic's end"


@pytest.mark.parametrize(
    ("change", "name", "subject"),
    [
        (
            "UPDATE billing.quota_data SET quota = quota + 1",
            "I2 quota_data = ledger entries, by user, model, hour",
            "user 700, model 'gpt-4o-mini', hour 1767355200",
        ),
        (
            "DELETE FROM billing.quota_data",
            "I2 quota_data = ledger entries, by user, model, hour",
            "user 700, model 'gpt-4o-mini', hour 1767355200",
        ),
        (
            "UPDATE billing.quota_data SET token_used = token_used - 1",
            "I2 quota_data tokens = tokens on the topic",
            "hour 1767355200",
        ),
        (
            "UPDATE billing.accounts SET balance_units = balance_units + 1",
            "I3 balances = sums of ledger entries",
            "account 7",
        ),
        (
            "UPDATE billing.accounts SET charged_units = 0",
            "I3 balances = sums of ledger entries",
            "account 7",
        ),
        (
            "UPDATE billing.token_usage SET used_quota = used_quota + 1",
            "I3 use of keys = sums of ledger entries",
            "key 70",
        ),
        (
            "UPDATE billing.token_usage SET request_count = request_count - 1",
            "I3 use of keys = sums of ledger entries",
            "key 70",
        ),
        (
            "UPDATE billing.token_usage SET held_units = 0",
            "I3 holds = sums over leases",
            "key 70",
        ),
        (
            """INSERT INTO billing.budgets (workspace_id, name, amount_cents, period, period_start,
               period_end, first_period_start, held_units)
               VALUES (7, 'b', 1, 'DAILY', now(), now() + interval '1 day', now(), 5)""",
            "I3 holds = sums over leases",
            "budget 1",
        ),
        (
            "UPDATE billing.leases SET granted_total = 0 WHERE subject = 'key:70'",
            "I3 holds = sums over leases",
            "key 70",
        ),
        (
            "UPDATE billing.accounts SET held_units = held_units - 1",
            "I3 holds = sums over leases",
            "account 7",
        ),
        (
            "UPDATE billing.leases SET used_total = used_total + 5 WHERE subject = 'account:7'",
            "I3 holds = sums over leases",
            "account 7",
        ),
        (
            "UPDATE billing.leases SET is_open = false WHERE subject = 'account:7'",
            "I3 holds = sums over leases",
            "account 7",
        ),
    ],
)
async def test_a_sum_that_does_not_fit(world: World, change: str, name: str, subject: str) -> None:
    await world.settle([request(), request()])
    assert await world.gaps() == {}

    await world.execute(change)

    gaps = await world.gaps()
    assert gaps.keys() == {name} or name.startswith("I2 quota_data ="), gaps
    assert [gap.subject for gap in gaps[name]] == [subject]


async def test_a_debt_that_no_entry_explains(world: World) -> None:
    await world.settle([request(quota=1_000_100)])

    gaps = await world.gaps()

    assert {name: [gap.subject for gap in found] for name, found in gaps.items()} == {
        "I3 debts = excesses and forced releases": ["account 7"]
    }


@pytest.mark.parametrize(("key_id", "is_explained"), [(None, True), (70, False)])
async def test_a_debt_is_explained_by_a_release_of_the_accounts_own_lease(
    world: World, key_id: int | None, *, is_explained: bool
) -> None:
    """What a key's lease exposes is what the key may spend, and no balance."""
    await world.settle([request(quota=1_000_100)])
    await world.release(7, 100, key_id=key_id)

    assert (await world.gaps() == {}) is is_explained


async def test_a_consumer_that_is_behind_is_named_by_its_offsets(world: World) -> None:
    events = [request() for _ in range(3)]
    await world.settle(events)
    (partition,) = {p for p, span in (await world.held()).items() if span.end}
    await world.execute(
        "UPDATE logging.consumer_watermarks SET next_offset = 1 WHERE next_offset = 3"
    )

    (gap,) = (await world.gaps(settle_s=0.3))[POSITIONS]

    assert gap.subject == f"{RELAY_REQUESTS.name}/{partition.partition}@1-2"
    assert gap.what == "logging has not applied it yet"


async def test_a_topic_made_anew_is_named_by_what_was_applied_of_it(world: World) -> None:
    events = [request() for _ in range(3)]
    await world.settle(events)
    await world.broker.delete_topic(RELAY_REQUESTS.name)
    await world.broker.make_topic(RELAY_REQUESTS.name, RELAY_REQUESTS.partitions)

    gaps = await world.gaps()

    assert {gap.what for gap in gaps[POSITIONS]} == {
        f"{group} applied it, and the topic no longer has it" for group in ("billing", "logging")
    }
    assert len(gaps["I2 ledger entries = requests on the topic"]) == len(events)
    assert len(gaps["the relays' published counts"]) == 1
