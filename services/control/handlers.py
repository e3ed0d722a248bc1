"""What control reads from Kafka, and what it writes: the state of all that it owns.

billing.ledger   LedgerEntryPosted      balances and the use of keys, as answers show them
relay.health     ChannelHealthChanged   how relays find channels: `health_listening`
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from services.control.balances.projecting import project
from services.control.balances.store_balances import add_balances, add_key_use, lock_applied
from shared.events.catalog import (
    AUDIT_ACTIONS,
    BILLING_LEDGER,
    CONTROL_DIRECTORY,
    CONTROL_KEYS,
    CONTROL_ROUTING,
    RELAY_HEALTH,
    TopicSpec,
)
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.events.ledger import LedgerEntryPosted
from shared.kafka.errors import DeadLetterReason, Unreadable, UnreadableRecordError
from shared.kafka.records import Record
from shared.postgres.retrying import Connection

CONSUMER_GROUP: Final = "control"
PROJECTED: Final = BILLING_LEDGER
"""Read by the consumer group."""
CONSUMES: Final[tuple[TopicSpec, ...]] = (PROJECTED, RELAY_HEALTH)
PRODUCES: Final = (CONTROL_ROUTING, CONTROL_KEYS, CONTROL_DIRECTORY, AUDIT_ACTIONS)

_TURN: Final = 50
"""Records that are read without letting others on the loop."""
_DECODER: Final = Decoder((LedgerEntryPosted,))


async def project_ledger(connection: Connection, records: Sequence[Record]) -> None:
    """A BatchHandler for `billing.ledger`. Idempotent: an entry that was applied is passed over.

    Raises UnreadableRecordError with all records that say they are an entry and cannot be read.
    """
    entries = await _read(records)
    applied = await lock_applied(connection, {entry.workspace_id for entry in entries})
    projection = project(entries, applied)
    await add_balances(connection, projection.balances)
    await add_key_use(connection, projection.keys)


async def _read(records: Sequence[Record]) -> list[LedgerEntryPosted]:
    entries: list[LedgerEntryPosted] = []
    unreadable: list[Unreadable] = []
    for count, record in enumerate(records, start=1):
        try:
            event = _DECODER.decode(record.headers, record.value)
        except UnknownEventError:
            continue
        except MalformedEventError:
            unreadable.append(Unreadable(record, DeadLetterReason.MALFORMED))
            continue
        if isinstance(event, LedgerEntryPosted):
            entries.append(event)
        if count % _TURN == 0:
            await asyncio.sleep(0)
    if unreadable:
        raise UnreadableRecordError(unreadable)
    return entries
