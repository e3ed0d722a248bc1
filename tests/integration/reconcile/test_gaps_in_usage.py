"""Usage that is not what billing counted is named; what is explained is not."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from operations.reconcile.usage import on_its_way, tables
from services.logging.handlers import slot_of
from services.logging.rows.ledger_rows import ledger_row
from services.logging.rows.rows import LogRow
from shared.events.catalog import BILLING_LEDGER
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.events.requests import ErrorCode, Outcome, RequestCompleted
from shared.kafka.outbox_rows import OutboxRecord, encode_row
from shared.kafka.records import OutgoingRecord
from tests.integration.reconcile.world import World
from tests.made_events import NOON, ledger_entry, outgoing, received, request
from tests.made_rows import row_of

USAGE = "I2 usage = quota_data, by user, model, hour"
HOUR = int(NOON.timestamp())
PLACE = f"user 700, model 'gpt-4o-mini', hour {HOUR}"
PLACE_OF_BOB = f"user 701, model 'gpt-4.1', hour {HOUR}"


def some_events() -> list[RequestCompleted]:
    """Two users, two models, two hours, and what cost nothing."""
    return [
        request(),
        request(quota=5),
        request(user_id=701, username="bob", key_id=71, requested_model="gpt-4.1"),
        request(completed_at=NOON + timedelta(hours=1)),
        request(outcome=Outcome.FAILED, error_code=ErrorCode.UPSTREAM_TIMEOUT, quota=0),
        request(outcome=Outcome.FAILED, error_code=ErrorCode.UPSTREAM_CUT, quota=12),
    ]


async def usage_gaps(world: World) -> dict[str, str]:
    return {gap.subject: gap.what for gap in (await world.gaps()).get(USAGE, [])}


async def test_refunds_count_to_the_hour_of_their_charge_on_both_sides(world: World) -> None:
    mine = request(workspace_id=1, user_id=100)
    cut = request(outcome=Outcome.FAILED, error_code=ErrorCode.UPSTREAM_CUT, quota=12)
    await world.settle([mine, cut.model_copy(update={"workspace_id": 1, "key_id": 71})])
    await world.refund(mine, 7)

    assert await world.gaps() == {}
    looked_at = {each.name: each.looked_at for each in (await world.reconcile()).checks}
    assert looked_at[USAGE] == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE {usage} SET quota = quota + 1 WHERE {mine}", "quota_data has 47, usage 48"),
        ("UPDATE {usage} SET returned_quota = 2 WHERE {mine}", "quota_data has 47, usage 45"),
        ("DELETE FROM {usage} WHERE {mine}", "quota_data has 47, usage 0"),
        ("DELETE FROM billing.quota_data WHERE quota = 47", "quota_data has 0, usage 47"),
        (
            "UPDATE billing.quota_data SET quota = 50 WHERE quota = 47",
            "quota_data has 50, usage 47",
        ),
    ],
)
async def test_a_figure_that_somebody_changed(world: World, change: str, told: str) -> None:
    await world.settle(some_events())
    assert await world.gaps() == {}

    mine = f"hour = {HOUR} AND user_id = 700"
    await world.execute(change.format(usage="logging.usage_hourly", mine=mine))

    assert await usage_gaps(world) == {PLACE: told}


@pytest.mark.parametrize(
    ("change", "other"),
    [
        ("model = 'o3'", f"user 700, model 'o3', hour {HOUR}"),
        ("user_id = 9", f"user 9, model 'gpt-4o-mini', hour {HOUR}"),
        ("hour = hour - 3600", f"user 700, model 'gpt-4o-mini', hour {HOUR - 3600}"),
    ],
)
async def test_what_is_counted_somewhere_else_is_named_at_both_places(
    world: World, change: str, other: str
) -> None:
    await world.settle(some_events())

    await world.execute(
        f"UPDATE logging.usage_hourly SET {change} WHERE hour = {HOUR} AND user_id = 700"
    )

    assert (await usage_gaps(world)).keys() == {PLACE, other}


async def test_what_came_too_late_is_missing_in_usage_and_no_more_than_that(world: World) -> None:
    on_time, late = some_events(), [request(quota=8), request(quota=4, user_id=701, key_id=71)]
    await world.settle([*on_time, *late], logged=on_time)
    await world.clean_up_was_made()
    await world.log([row_of(event) for event in late])

    assert await usage_gaps(world) == {}
    # An event that comes twice is refused twice: it does not make a fault of nothing.
    await world.log([row_of(late[0])])
    assert await usage_gaps(world) == {}

    await world.execute("UPDATE logging.log_refused SET quota = 11")
    assert (await usage_gaps(world)).keys() == {PLACE, PLACE.replace("700", "701")}
    await world.execute("UPDATE logging.log_refused SET quota = 12")
    await world.execute("UPDATE logging.usage_hourly SET quota = quota + 4 WHERE user_id = 701")
    assert (await usage_gaps(world)).keys() == {PLACE_OF_BOB}


async def test_what_a_workspace_had_refused_excuses_no_other_one(world: World) -> None:
    mine, others = request(workspace_id=8, user_id=800, key_id=80), request()
    await world.settle([mine, others])
    await world.execute(
        "INSERT INTO logging.log_refused VALUES ($1, 8, 0, 1, 30)",
        HOUR,
    )
    await world.execute("UPDATE logging.usage_hourly SET quota = 0 WHERE workspace_id = 7")

    assert (await usage_gaps(world)).keys() == {PLACE}


async def given_back(world: World, event: RequestCompleted, units: int) -> LedgerEntryPosted:
    """A refund that billing has made, as it tells of it."""
    at = datetime.now(UTC)
    entry_id = await world.give_back(event, units, at=at)
    return ledger_entry(
        entry_id=entry_id,
        workspace_id=event.workspace_id,
        kind=EntryKind.REFUND,
        cause=f"refund:{entry_id}",
        amount_units=units,
        user_id=event.user_id,
        key_id=event.key_id,
        model=event.requested_model,
        posted_at=at,
        refers_to_entry_id=1,
        refers_to_request_id=event.request_id,
        bucket_at=event.completed_at,
    )


def row_of_entry(sent: OutgoingRecord, entry: LedgerEntryPosted) -> tuple[LogRow, int]:
    record = received(sent)
    row = ledger_row((record.event_id or ""), entry)
    assert row is not None
    return row, slot_of(record)


async def test_a_refund_that_came_too_late_is_excused_where_its_charge_was_counted(
    world: World,
) -> None:
    mine = request(workspace_id=1, user_id=100)
    await world.settle([mine])
    entry = await given_back(world, mine, 7)
    sent = outgoing(BILLING_LEDGER.name, entry)
    place = PLACE.replace("700", "100")
    assert await usage_gaps(world) == {place: "quota_data has 23, usage 30"}

    row, slot = row_of_entry(sent, entry)
    await world.execute("UPDATE logging.log_state SET refuse_before = $1", int(time.time()) + 60)
    await world.log([row], slot=slot)

    assert await usage_gaps(world) == {}
    await world.execute("UPDATE logging.usage_hourly SET quota = quota + 1")
    assert (await usage_gaps(world)).keys() == {place}


@pytest.mark.parametrize("behind", ["billing", "logging"])
async def test_what_only_one_of_them_has_applied_yet_is_reckoned(world: World, behind: str) -> None:
    applied = [request(), request(user_id=701, username="bob", key_id=71)]
    await world.settle(applied)
    stood = await world.held()
    waiting = [
        request(workspace_id=9, quota=8),
        request(workspace_id=9, quota=9, user_id=701, username="bob", key_id=71),
    ]
    await world.settle(
        waiting,
        published=[*waiting, *applied, waiting[0]],
        charged=[] if behind == "billing" else waiting,
        logged=[] if behind == "logging" else waiting,
    )
    for partition, span in stood.items():
        await world.execute(
            f"UPDATE {behind}.consumer_watermarks SET next_offset = $1 WHERE partition = $2",
            span.end,
            partition.partition,
        )

    assert await usage_gaps(world) == {}

    await world.execute(
        "UPDATE logging.usage_hourly SET quota = quota + 1 WHERE user_id = 701 AND workspace_id = 7"
    )
    (told,) = (await usage_gaps(world)).values()
    units = "39, usage 31; 9" if behind == "logging" else "30, usage 40; -9"
    assert told == f"quota_data has {units} is on its way to usage"


async def test_a_refund_in_the_outbox_is_on_its_way(world: World) -> None:
    mine = request(workspace_id=1, user_id=100)
    await world.settle([mine])
    entry = await given_back(world, mine, 7)
    assert len(await usage_gaps(world)) == 1

    sent = outgoing(BILLING_LEDGER.name, entry)
    await world.execute(
        "INSERT INTO billing.event_outbox (topic, records) VALUES ($1, $2)",
        sent.topic,
        encode_row([OutboxRecord(sent.key, sent.value, sent.headers)]),
    )

    assert await usage_gaps(world) == {}
    # Written already, and not yet taken out of the outbox.
    await world.log([row_of_entry(sent, entry)[0]])
    assert await usage_gaps(world) == {}


async def test_more_than_can_be_looked_into_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one of them is behind by, and what differs: neither takes all memory."""
    stood = await world.held()
    await world.settle([request(), request(user_id=701, key_id=71)], logged=[])
    for partition in stood:
        query = "UPDATE logging.consumer_watermarks SET next_offset = 0 WHERE partition = $1"
        await world.execute(query, partition.partition)

    monkeypatch.setattr(on_its_way, "_MOST", 1)
    findings = await world.reconcile()
    assert {each.name: each.gaps for each in findings.checks}[USAGE] == ()
    assert "usage not compared: one of billing and logging is far behind the other" in (
        findings.notes
    )

    monkeypatch.setattr(tables, "MOST_NAMED", 1)
    findings = await world.reconcile()
    assert "of the usage that differs only the first 1 were looked into" in findings.notes


async def ledger_topic_anew(world: World) -> None:
    """Empty: what other tests said of it is of other databases."""
    await world.broker.delete_topic(BILLING_LEDGER.name)
    await world.broker.make_topic(BILLING_LEDGER.name, BILLING_LEDGER.partitions)


async def test_a_refund_on_the_topic_is_on_its_way(world: World) -> None:
    mine = request(workspace_id=1, user_id=100)
    await world.settle([mine])
    entry = await given_back(world, mine, 7)
    sent = outgoing(BILLING_LEDGER.name, entry)
    await ledger_topic_anew(world)
    try:
        await world.publish([sent, sent])

        assert await usage_gaps(world) == {}
        await world.log([row_of_entry(sent, entry)[0]])
        assert await usage_gaps(world) == {}
    finally:
        await ledger_topic_anew(world)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (
            "INSERT INTO logging.log_dirty_hours (bucket, reason) VALUES ({hour}, 'x')",
            "usage of 1 hours not compared: it waits to be rebuilt",
        ),
        (
            "UPDATE logging.log_state SET usage_hourly_from = {hour} + 3600",
            "usage of 1 hours not compared: it is no longer kept by the hour",
        ),
        (
            """WITH gone AS (DELETE FROM logging.log_checks)
               UPDATE logging.log_state SET refuse_before = {hour} + 7200""",
            "usage of 1 hours not compared: it was not kept yet, when their rows were deleted",
        ),
    ],
)
async def test_what_cannot_be_compared_is_said(world: World, change: str, note: str) -> None:
    await world.settle([request(), request(completed_at=NOON + timedelta(hours=2))])
    await world.execute(f"DELETE FROM logging.usage_hourly WHERE hour = {HOUR}")
    assert (await usage_gaps(world)).keys() == {PLACE}

    await world.execute(change.format(hour=HOUR))

    assert await usage_gaps(world) == {}
    assert note in (await world.reconcile()).notes
