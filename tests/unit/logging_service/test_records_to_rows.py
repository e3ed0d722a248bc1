import json

import pytest

from services.logging.handlers import to_row
from services.logging.rows.rows import LogType
from shared.events.audit import ActionTaken
from shared.events.event import MalformedEventError, new_event_id
from shared.events.ids import event_uuid
from shared.events.ledger import EntryKind
from shared.kafka.records import OutgoingRecord
from tests.made_events import NOON, ledger_entry, outgoing, received, request

CHARGE = (("ce_kind", b"charge"),)


def test_a_charge_is_skipped_without_being_parsed() -> None:
    sent = outgoing("billing.ledger", ledger_entry(), extra_headers=CHARGE)
    broken = OutgoingRecord(sent.topic, sent.key, b"not json", sent.headers)

    assert to_row(received(broken)) is None


def test_a_charge_without_the_header_is_skipped_as_well() -> None:
    entry = ledger_entry(kind=EntryKind.CHARGE, amount_units=-3)

    assert to_row(received(outgoing("billing.ledger", entry))) is None


def test_a_top_up_is_a_recharge_of_its_user() -> None:
    event_id = new_event_id()
    sent = outgoing("billing.ledger", ledger_entry(), event_id=event_id)

    row = to_row(received(sent))

    assert row is not None
    assert row.event_id == event_id
    assert (row.type, row.quota, row.user_id) == (LogType.RECHARGE, 500_000, 700)
    assert row.content == "Topped up by 500000 quota ($1.000000)"
    assert json.loads(row.other)["admin_info"] == {"user_id": 1, "username": "root"}


def test_a_forced_release_is_a_system_row_that_names_its_exposure() -> None:
    entry = ledger_entry(kind=EntryKind.RELEASE, amount_units=0, exposure_units=42, user_id=None)

    row = to_row(received(outgoing("billing.ledger", entry)))

    assert row is not None
    assert (row.type, row.quota, row.user_id) == (LogType.SYSTEM, 0, 0)
    assert "42 quota" in row.content


def test_a_refund_is_consumption_below_nothing_of_the_request_it_refunds() -> None:
    entry = ledger_entry(
        kind=EntryKind.REFUND,
        amount_units=3,
        key_id=70,
        model="gpt-4o-mini",
        username="ada",
        refers_to_entry_id=1,
        refers_to_request_id="request-1",
        bucket_at=NOON,
    )

    row = to_row(received(outgoing("billing.ledger", entry)))

    assert row is not None
    assert (row.type, row.quota, row.request_id) == (LogType.CONSUMPTION, -3, "request-1")
    assert (row.username, row.model_name, row.token_id) == ("ada", "gpt-4o-mini", 70)
    assert row.content == "Refunded 3 quota ($0.000006)"
    assert row.group == "", "what tells it from a request, in the rates"


def test_a_refund_of_a_request_that_failed_is_an_error_as_the_request_s_own_row_is() -> None:
    entry = ledger_entry(
        kind=EntryKind.REFUND,
        amount_units=3,
        refers_to_entry_id=1,
        refers_to_request_id="request-1",
        refers_to_failed=True,
        bucket_at=NOON,
    )

    row = to_row(received(outgoing("billing.ledger", entry)))

    assert row is not None
    assert (row.type, row.quota, row.request_id) == (LogType.ERROR, -3, "request-1")


OF_CHARGE = {"refers_to_entry_id": 1, "bucket_at": NOON}


@pytest.mark.parametrize(
    ("kind", "changes", "expected_type", "quota", "content"),
    [
        (EntryKind.ADJUSTMENT, {"amount_units": -5, **OF_CHARGE}, 2, 5, "Adjusted by -5 quota"),
        (EntryKind.ADJUSTMENT, {"amount_units": 5, **OF_CHARGE}, 2, -5, "Adjusted by 5 quota"),
        (EntryKind.ADJUSTMENT, {"amount_units": -5}, 1, -5, "Adjusted by -5 quota"),
        (EntryKind.GRANT, {"amount_units": 5}, 1, 5, "Granted 5 quota"),
        (EntryKind.EXPIRY, {"amount_units": -5}, 5, -5, "5 quota ($0.000010) of a grant expired"),
        (EntryKind.TRANSFER, {"amount_units": -5}, 5, -5, "Transferred 5 quota"),
        (EntryKind.TRANSFER, {"amount_units": 5}, 5, 5, "Received 5 quota"),
    ],
)
def test_every_other_movement_has_a_row_that_says_what_moved(
    kind: EntryKind, changes: dict[str, object], expected_type: int, quota: int, content: str
) -> None:
    row = to_row(received(outgoing("billing.ledger", ledger_entry(kind=kind, **changes))))

    assert row is not None
    assert (row.type, row.quota) == (expected_type, quota)
    assert row.content.startswith(content)


def test_an_action_is_a_management_row_of_who_acted() -> None:
    action = ActionTaken(
        action_id="a-1",
        workspace_id=7,
        actor_user_id=1,
        actor_name="root",
        action="channel.create",
        resource_type="channel",
        resource_id="3",
        changes={"key": "changed"},
        client_address="192.0.2.9",
        request_id="r-1",
        taken_at=NOON,
    )

    row = to_row(received(outgoing("audit.actions", action)))

    assert row is not None
    assert (row.type, row.user_id, row.username) == (LogType.MANAGEMENT, 1, "root")
    assert row.content == "channel.create on channel 3"
    assert (row.ip, row.request_id) == ("192.0.2.9", "r-1")
    assert json.loads(row.other)["admin_info"]["changes"] == {"key": "changed"}


def test_what_the_gateway_did_by_itself_is_a_system_row() -> None:
    action = ActionTaken(
        action_id="a-2",
        workspace_id=1,
        actor_user_id=1,
        actor_name="system",
        action="channel.health",
        resource_type="channel",
        resource_id="3",
        changes={"status": "disabled", "reason": "upstream_authentication"},
        taken_at=NOON,
    )

    row = to_row(received(outgoing("audit.actions", action)))

    assert row is not None
    assert (row.type, row.username) == (LogType.SYSTEM, "system")
    assert row.content == "channel.health on channel 3"


def test_an_event_of_a_later_release_is_skipped() -> None:
    sent = outgoing("relay.requests", request())
    headers = tuple(
        (name, b"ledgerline.request.paused.v1" if name == "ce_type" else content)
        for name, content in sent.headers
    )

    assert to_row(received(OutgoingRecord(sent.topic, sent.key, b"{}", headers))) is None


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"request_id": "\\ud800"}', b"\xff\xfe"])
def test_what_is_not_the_event_it_says_is_malformed(value: bytes | None) -> None:
    sent = outgoing("relay.requests", request())

    with pytest.raises(MalformedEventError):
        to_row(received(OutgoingRecord(sent.topic, sent.key, value, sent.headers)))


def test_a_ledger_entry_without_an_id_is_malformed() -> None:
    sent = outgoing("billing.ledger", ledger_entry())
    headers = tuple(header for header in sent.headers if header[0] != "ce_id")

    with pytest.raises(MalformedEventError):
        to_row(received(OutgoingRecord(sent.topic, sent.key, sent.value, headers)))


def test_an_id_that_is_no_uuid_gets_one_that_is_always_the_same() -> None:
    assert event_uuid("top_up:1") == event_uuid("top_up:1") != event_uuid("top_up:2")
    uuid = new_event_id()
    assert event_uuid(uuid) == uuid
