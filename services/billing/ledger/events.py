"""Ledger entries as records for `billing.ledger`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import orjson

from services.billing.charging.entries import ChainedCharge
from services.billing.charging.sums import cause_of
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.kafka.outbox_rows import OutboxRecord

SOURCE: Final = "ledgerline/billing"
_KIND_HEADER: Final = "ce_kind"
_CHARGE_HEADER: Final = (_KIND_HEADER, EntryKind.CHARGE.value.encode())


def entry_record(entry: LedgerEntryPosted, *, now: datetime) -> OutboxRecord:
    """One entry's record."""
    headers = encode_headers(entry.TYPE, Attributes(id=new_event_id(), source=SOURCE, time=now))
    kind = (_KIND_HEADER, entry.kind.value.encode())
    return OutboxRecord(str(entry.workspace_id).encode(), encode_value(entry), (*headers, kind))


def charge_records(entries: Sequence[ChainedCharge], *, now: datetime) -> list[OutboxRecord]:
    """The records of a batch of charges.

    What `entry_record` would tell, without the model: that would cost more than all else that is
    done for a charge; and without what no charge has. A test holds the two together.
    """
    headers = encode_headers(LedgerEntryPosted.TYPE, Attributes(id="", source=SOURCE, time=now))
    in_common = (*(h for h in headers if h[0] != "ce_id"), _CHARGE_HEADER)
    dumps = orjson.dumps
    return [
        OutboxRecord(
            b"%d" % charge.workspace_id,
            dumps(
                {
                    "entry_id": entry_id,
                    "workspace_id": charge.workspace_id,
                    "kind": "charge",
                    "cause": cause_of(charge),
                    "amount_units": -charge.quota_units,
                    "balance_after_units": balance_after,
                    "excess_units": charge.excess_units,
                    "request_id": charge.request_id,
                    "key_id": charge.key_id,
                    "key_remain_units": remain and remain.units,
                    "key_quota_version": remain and remain.quota_version,
                    "user_id": charge.user_id,
                    "model": charge.model or None,
                    "posted_at": charge.completed_at,
                    "detail_hash": hashed.hex(),
                    "prev_hash": prev.hex(),
                    "entry_hash": own.hex(),
                }
            ),
            in_common,
            new_event_id().encode(),
        )
        for charge, entry_id, balance_after, remain, _, hashed, prev, own in entries
    ]
