"""The chains as `billing.ledger` tells them."""

from operations.ledger_chain.checking import ChainCheck, Stated
from shared.events.catalog import BILLING_LEDGER
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.events.ledger import LedgerEntryPosted
from shared.kafka.spans import SpanReader
from shared.money.chain import ChainedEntry, unix_us


async def check_topic(reader: SpanReader, workspace_id: int | None) -> tuple[ChainCheck, list[str]]:
    """Follow every entry that the topic still holds. Also answers the records that none can read.

    An account's first entry is believed: what was before it, retention may have dropped. An entry
    that comes again must be what it was.
    """
    check = ChainCheck(is_whole=False)
    unreadable = []
    decoder = Decoder([LedgerEntryPosted])
    async for record in reader.records(await reader.held(BILLING_LEDGER.name)):
        try:
            event = decoder.decode(record.headers, record.value)
        except UnknownEventError:
            continue
        except MalformedEventError:
            unreadable.append(f"{record.topic}/{record.partition}@{record.offset} cannot be read")
            continue
        if isinstance(event, LedgerEntryPosted) and workspace_id in (None, event.workspace_id):
            check.see(_stated(event))
    return check, unreadable


def _stated(event: LedgerEntryPosted) -> Stated:
    entry = ChainedEntry(
        entry_id=event.entry_id,
        workspace_id=event.workspace_id,
        kind=event.kind.value,
        cause=event.cause,
        amount_units=event.amount_units,
        balance_after_units=event.balance_after_units,
        excess_units=event.excess_units,
        exposure_units=event.exposure_units,
        key_id=event.key_id,
        user_id=event.user_id,
        actor_user_id=event.actor_user_id,
        refers_to_entry_id=event.refers_to_entry_id,
        posted_at_us=unix_us(event.posted_at),
        bucket_at_us=None if event.bucket_at is None else unix_us(event.bucket_at),
        model=event.model or "",
        actor_name=event.actor_name,
        note=event.note,
        detail_hash=event.detail_hash,
    )
    return Stated(entry, bytes.fromhex(event.prev_hash), bytes.fromhex(event.entry_hash))
