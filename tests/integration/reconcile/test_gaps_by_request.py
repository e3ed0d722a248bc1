"""Each way in which a party can miss or change a request is found, and named by the request."""

from datetime import timedelta

from shared.events.catalog import RELAY_REQUESTS
from shared.events.event import new_event_id
from shared.events.requests import ErrorCode, Outcome, RequestCompleted
from shared.events.usage import Usage
from shared.kafka.records import OutgoingRecord
from tests.integration.reconcile.world import RELAY, World
from tests.made_events import NOON, request

LEDGER = "I2 ledger entries = requests on the topic"
LOGS = "I2 log rows = requests on the topic"
TOPIC = "relay.requests: readable, one end each"
COUNTS = "the relays' published counts"
LETTERS = "dead letters"
USAGE = "I2 usage = quota_data, by user, model, hour"


def some_events() -> list[RequestCompleted]:
    """Of every kind, in several hours, for several models."""
    return [
        request(),
        request(quota=0, usage=Usage()),
        request(requested_model="gpt-4.1", completed_at=NOON + timedelta(hours=2)),
        request(outcome=Outcome.FAILED, error_code=ErrorCode.UPSTREAM_CUT, quota=12),
        request(outcome=Outcome.FAILED, error_code=ErrorCode.UPSTREAM_TIMEOUT, quota=0),
        request(outcome=Outcome.INTERRUPTED, error_code=ErrorCode.RELAY_DIED, quota=0),
        request(outcome=Outcome.REJECTED, error_code=ErrorCode.KEY_EXPIRED, quota=0),
        request(user_id=701, username="bob", requested_model=None),
    ]


async def test_when_everybody_agrees_there_is_no_gap(world: World) -> None:
    events = some_events()
    await world.settle(events)

    findings = await world.reconcile()

    assert findings.is_clean, list(findings.as_text())
    looked_at = {each.name: each.looked_at for each in findings.checks}
    assert looked_at[TOPIC] == looked_at[LOGS] == len(events)
    assert looked_at[LEDGER] == 5


async def test_a_request_that_is_on_the_topic_twice_is_no_gap(world: World) -> None:
    events = some_events()
    await world.settle(events, published=[*events, *events])

    assert await world.gaps() == {}


async def test_what_an_admin_had_deleted_is_not_missed_and_nothing_else_is_excused(
    world: World,
) -> None:
    deleted = some_events()
    before = await world.clean_up_was_made()
    missing = request(request_id=new_event_id())
    await world.settle([*deleted, missing], logged=[])

    findings = await world.reconcile()

    gaps = {check.name: check.gaps for check in findings.checks if check.gaps}
    assert [gap.subject for gap in gaps[LOGS]] == [missing.request_id]
    assert any(before in note for note in findings.notes)


async def test_what_a_workspaces_own_period_ended_is_not_missed(world: World) -> None:
    """Nor is it in the report by the hour; another workspace's is."""
    mine, others = request(workspace_id=8), request(workspace_id=7)
    await world.settle([mine, others], logged=[])
    await world.execute(
        "INSERT INTO logging.log_workspace_horizons"
        " VALUES (8, extract(epoch FROM now())::bigint + 3600)"
    )

    findings = await world.reconcile()
    report = await world.report()

    gaps = {check.name: check.gaps for check in findings.checks if check.gaps}
    assert [gap.subject for gap in gaps[LOGS]] == [others.request_id]
    differing = {row.workspace_id for row in report.hours if "logs" in row.differs}
    assert differing == {7}


async def test_a_request_that_was_not_charged(world: World) -> None:
    events = some_events()
    await world.settle(events, charged=events[1:])

    gaps = await world.gaps()

    assert [gap.subject for gap in gaps[LEDGER]] == [events[0].request_id]
    assert gaps.keys() == {LEDGER, "I2 quota_data tokens = tokens on the topic", USAGE}


async def test_a_request_that_was_not_logged(world: World) -> None:
    events = some_events()
    await world.settle(events, logged=events[:-1])

    gaps = await world.gaps()

    assert {name: [gap.subject for gap in found] for name, found in gaps.items()} == {
        LOGS: [events[-1].request_id],
        USAGE: ["user 701, model '', hour 1767355200"],
    }


async def test_a_request_that_was_charged_otherwise(world: World) -> None:
    events = some_events()
    other = events[0].model_copy(update={"quota": 31})
    await world.settle(events, charged=[other, *events[1:]])

    (gap,) = (await world.gaps())[LEDGER]

    assert (gap.subject, gap.what) == (other.request_id, "was charged 31 where its event says 30")


async def test_a_request_that_was_logged_otherwise(world: World) -> None:
    events = some_events()
    dearer = events[0].model_copy(update={"quota": 31})
    failed = events[2].model_copy(update={"outcome": Outcome.FAILED})
    await world.settle(events, logged=[dearer, events[1], failed, *events[3:]])

    gaps = await world.gaps()

    assert gaps.keys() == {LOGS, USAGE}
    assert {gap.subject: gap.what for gap in gaps[LOGS]} == {
        dearer.request_id: "its row says 31 where its event says 30",
        failed.request_id: "its row is of type 4 and not 2",
    }


async def test_a_charge_for_what_cost_nothing(world: World) -> None:
    events = some_events()
    cut = events[4].model_copy(update={"outcome": Outcome.SUCCEEDED})
    await world.settle(events, charged=[*events[:4], cut, *events[5:]])

    (gap,) = (await world.gaps())[LEDGER]

    assert gap.subject == cut.request_id


async def test_a_request_that_the_topic_lost(world: World) -> None:
    events = some_events()
    await world.settle(events, published=events[1:])

    gaps = await world.gaps()

    assert [gap.subject for gap in gaps[LEDGER]] == [events[0].request_id]
    assert [gap.subject for gap in gaps[LOGS]] == [events[0].request_id]
    assert [gap.subject for gap in gaps[COUNTS]] == [f"relay {RELAY}"]


async def test_a_request_that_is_on_the_topic_with_two_ends(world: World) -> None:
    events = some_events()
    other = events[0].model_copy(update={"quota": 31})
    await world.settle(events, published=[*events, other])

    gaps = await world.gaps()

    assert {name: [gap.subject for gap in found] for name, found in gaps.items()} == {
        TOPIC: [other.request_id]
    }


async def test_a_record_that_cannot_be_read_is_named_by_its_place(world: World) -> None:
    events = some_events()
    whole = world.record(events[0])
    await world.publish([OutgoingRecord(whole.topic, whole.key, b"{}", whole.headers)])
    await world.settle(events)

    (gap,) = (await world.gaps())[TOPIC]

    assert gap.what == "cannot be read"
    assert gap.subject.startswith(f"{RELAY_REQUESTS.name}/")
    assert gap.subject.endswith("@0")


async def test_a_dead_letter_is_a_gap_until_its_effect_is_there(world: World) -> None:
    events = some_events()
    await world.settle(events, charged=events[1:])
    for event in events[:2]:
        sent = world.record(event)
        origin = (
            ("dead_letter_reason", b"database_refused"),
            ("dead_letter_partition", b"3"),
            ("dead_letter_offset", b"17"),
        )
        letters = f"{RELAY_REQUESTS.name}.billing.dead-letter"
        await world.publish([OutgoingRecord(letters, sent.key, sent.value, sent.headers + origin)])

    (gap,) = (await world.gaps())[LETTERS]

    assert gap.subject == events[0].request_id
    assert gap.what == "billing set it aside (database_refused), from relay.requests/3@17"


async def test_since_leaves_older_requests_out_on_every_side(world: World) -> None:
    old = [request(), request(workspace_id=8)]
    new = [request(completed_at=NOON + timedelta(hours=5))]
    await world.settle([*old, *new], published=[old[0], *new], logged=[old[1], *new])

    assert await world.gaps() != {}
    assert await world.gaps(since=NOON + timedelta(hours=1)) == {}


async def test_what_retention_dropped_from_the_topic_is_no_gap(world: World) -> None:
    old = [request(completed_at=NOON - timedelta(days=100)) for _ in range(3)]
    await world.settle(old)
    (partition,) = {p for p, span in (await world.held()).items() if span.end > 0}
    await world.broker.cut(RELAY_REQUESTS.name, 2, partition=partition.partition)

    findings = await world.reconcile()

    assert findings.is_clean, list(findings.as_text())
    assert any("published counts not compared" in note for note in findings.notes)
