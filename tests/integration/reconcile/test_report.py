"""The report by hour and workspace: every planted gap by its request, and none on a busy system."""

import asyncio
import csv
import io
import json
from datetime import timedelta

from operations.reconcile.hourly.printing import as_text
from operations.reconcile.hourly.rows import HourRow, Report
from operations.reconcile.hourly.sums import Bucket
from shared.events.requests import ErrorCode, Outcome, RequestCompleted
from tests.integration.kafka.waiting import until
from tests.integration.reconcile.test_command import run
from tests.integration.reconcile.world import TOP_UP, World
from tests.made_events import NOON, request

FIRST = int(NOON.timestamp())
LATER = NOON + timedelta(hours=1)


def some_events() -> list[RequestCompleted]:
    """Two hours, two workspaces, one request that failed and cost nothing."""
    return [
        request(),
        request(quota=5),
        request(outcome=Outcome.FAILED, error_code=ErrorCode.UPSTREAM_TIMEOUT, quota=0),
        request(workspace_id=8, user_id=800),
        request(workspace_id=8, user_id=800, completed_at=LATER),
    ]


def rows_of(report: Report) -> dict[tuple[int, int], HourRow]:
    """The hours of the requests: those of top-ups are of today."""
    return {(row.hour, row.workspace_id): row for row in report.hours if row.events}


async def test_each_hour_of_each_workspace_has_its_figures(world: World) -> None:
    await world.settle(some_events())

    report = await world.report()

    assert report.is_clean, report
    rows = rows_of(report)
    assert rows.keys() == {(FIRST, 7), (FIRST, 8), (FIRST + 3600, 8)}
    row = rows[FIRST, 7]
    assert (row.events, row.requests, row.to_charge, row.units) == (3, 3, 2, 35)
    assert (row.ledger_entries, row.ledger_units) == (2, 35)
    assert (row.log_rows, row.log_units) == (3, 35)
    assert (row.quota_data_count, row.quota_data_units) == (2, 35)
    assert {each.workspace_id: each.balance_units for each in report.accounts} == {
        7: TOP_UP - 35,
        8: TOP_UP - 60,
    }
    assert [each.held_units for each in report.accounts] == [100, 100]
    assert {row.others["top_up"] for row in report.hours if row.others} == {TOP_UP}


async def test_every_kind_of_gap_is_named_by_its_request_in_its_hour(world: World) -> None:
    uncharged, dearer, unlogged, failed, unpublished, whole = events = [
        request(),
        request(),
        request(),
        request(),
        request(completed_at=LATER),
        request(workspace_id=8, user_id=800),
    ]
    await world.settle(
        events,
        published=[uncharged, dearer, unlogged, failed, whole],
        charged=[dearer.model_copy(update={"quota": 31}), unlogged, failed, unpublished, whole],
        logged=[
            uncharged,
            dearer,
            failed.model_copy(update={"outcome": Outcome.FAILED}),
            unpublished,
            whole,
        ],
    )

    report = await world.report()

    rows = {(row.hour, row.workspace_id): row for row in report.hours if row.hour <= FIRST + 3600}
    assert {gap.subject: gap.what for gap in rows[FIRST, 7].gaps} == {
        uncharged.request_id: "has no ledger entry; its event says 30",
        dearer.request_id: "was charged 31 where its event says 30",
        unlogged.request_id: "has no log row",
        failed.request_id: "its row is of type 4 and not 2",
    }
    assert rows[FIRST, 7].differs == ["ledger", "logs"]
    assert [(gap.subject, gap.what) for gap in rows[FIRST + 3600, 7].gaps] == [
        (unpublished.request_id, "has a log row, and is not on the topic"),
        (unpublished.request_id, "was charged 30, and is not on the topic"),
    ]
    assert (rows[FIRST, 8].differs, rows[FIRST, 8].gaps) == ([], [])
    assert not report.is_clean


async def test_hours_and_accounts_that_do_not_sum_up_are_named(world: World) -> None:
    await world.settle(some_events())
    await world.execute("UPDATE billing.quota_data SET quota = quota + 3 WHERE user_id = 700")
    await world.execute("UPDATE billing.accounts SET balance_units = 1 WHERE workspace_id = 8")
    await world.execute("UPDATE billing.accounts SET held_units = 99 WHERE workspace_id = 7")

    report = await world.report()

    row = rows_of(report)[FIRST, 7]
    assert (row.differs, row.quota_data_units - row.ledger_units) == (["quota_data"], 3)
    (gap,) = row.gaps
    assert gap.what == "quota_data has 2 requests of 38, the ledger 2 of 35"
    held, balance = (account.gaps for account in report.accounts)
    assert [gap.what for gap in held] == ["holds 99, its leases 100"]
    assert [gap.what for gap in balance] == ["its balance is 1, its entries sum to 999940"]


async def test_a_user_of_two_workspaces_is_counted_in_both(world: World) -> None:
    await world.settle([request(), request(), request(workspace_id=8)])

    rows = rows_of(await world.report())

    assert [rows[FIRST, each].quota_data_count for each in (7, 8)] == [2, 1]


async def test_a_request_that_a_crash_published_twice_is_no_gap(world: World) -> None:
    events = some_events()
    await world.settle(events, published=[*events, events[0]])

    report = await world.report()

    assert report.is_clean
    row = rows_of(report)[FIRST, 7]
    assert (row.events, row.requests, row.to_charge, row.units) == (4, 3, 2, 35)


async def test_a_request_with_two_ends_is_named_once(world: World) -> None:
    events = some_events()
    other = events[0].model_copy(update={"quota": 31})
    await world.settle(events, published=[*events, other])

    (gap,) = rows_of(await world.report())[FIRST, 7].gaps

    assert (gap.subject, gap.what) == (
        other.request_id,
        "is on the topic with two different ends",
    )


async def test_what_is_not_applied_yet_is_counted_and_not_listed(world: World) -> None:
    await world.settle(some_events())
    late = request(completed_at=LATER)
    await world.publish([world.record(late)])

    report = await world.report()

    row = rows_of(report)[FIRST + 3600, 7]
    assert (row.not_charged_yet, row.not_logged_yet, row.gaps) == (1, 1, [])
    assert row.differs == ["not charged yet", "not logged yet"]


async def test_requests_that_complete_meanwhile_are_no_gaps(world: World) -> None:
    await world.settle([request() for _ in range(50)])
    added = 0

    async def go_on() -> None:
        nonlocal added
        while True:
            await world.add_failed()
            added += 1

    running = asyncio.create_task(go_on())
    try:
        for _ in range(4):
            before = added

            async def has_moved(before: int = before) -> bool:
                return added > before

            report = await world.report(settle_s=5)
            assert report.is_clean, report
            await until(has_moved, "requests go on")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_was_refunded_is_no_gap_and_is_shown_in_the_hour_of_its_charge(
    world: World,
) -> None:
    events = [request(), request(quota=5)]
    await world.settle(events)
    await world.refund(events[0], 12)

    assert await world.gaps() == {}
    report = await world.report()
    assert report.is_clean, report
    row = rows_of(report)[FIRST, 7]
    assert (row.ledger_units, row.quota_data_units, row.others) == (35, 23, {"refund": 12})


async def test_only_the_hours_and_the_workspace_asked_for(world: World) -> None:
    await world.settle(some_events())

    assert rows_of(await world.report(workspace_id=8)).keys() == {(FIRST, 8), (FIRST + 3600, 8)}
    assert rows_of(await world.report(hours=24)) == {}


async def test_an_hour_too_large_to_look_into_is_named_all_the_same(
    world: World,
) -> None:
    events = some_events()
    await world.settle(events, charged=events[1:])

    report = await world.report(most_looked_into=1)

    assert report.not_looked_into == [Bucket(FIRST, 7)]
    row = rows_of(report)[FIRST, 7]
    assert (row.differs, row.gaps) == (["ledger"], [])
    assert any("--workspace 7" in line for line in as_text(report))


async def test_the_command_prints_it_for_people_programs_and_spreadsheets(world: World) -> None:
    events = some_events()
    await world.settle(events, charged=events[1:])
    asked = ("--report", "--hours", "100000")

    code, out, err = await run(world, *asked)
    assert (code, err) == (1, "")
    assert "2026-01-02 12:00" in out
    assert f"{events[0].request_id}: has no ledger entry; its event says 30" in out
    assert out.endswith("GAPS FOUND\n")

    code, out, _ = await run(world, *asked, "--format", "json")
    told = json.loads(out)
    assert (code, told["clean"]) == (1, False)

    _, out, _ = await run(world, *asked, "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(out)))
    assert [line["differs"] for line in lines if line["gaps"] == "1"] == ["ledger"]
