"""Dead letters: each is a gap until its effect is there all the same."""

from collections.abc import Collection

from operations.reconcile.gaps import Check, Gap, check
from operations.reconcile.observed import Observed
from operations.reconcile.tables import Tables
from operations.reconcile.topics import DeadLetter
from shared.events.catalog import RELAY_REQUESTS, Service
from shared.events.ids import event_bytes, event_uuid


async def letters_check(
    letters: Collection[DeadLetter], tables: Tables, observed: Observed
) -> Check:
    """The letters without an effect, by the event's id."""
    ids = [event_uuid(letter.event_id) for letter in letters if letter.event_id is not None]
    with_rows = await tables.have_rows(ids)
    gaps = [
        Gap(
            letter.event_id or letter.origin,
            f"{letter.group} set it aside ({letter.reason}), from {letter.origin}",
        )
        for letter in letters
        if not _has_effect(letter, with_rows, observed)
    ]
    return check("dead letters", len(letters), gaps)


def _has_effect(letter: DeadLetter, with_rows: set[bytes], observed: Observed) -> bool:
    if letter.event_id is None:
        return False
    key = event_bytes(letter.event_id)
    if letter.group == Service.LOGGING:
        return key in with_rows
    return letter.topic == RELAY_REQUESTS.name and observed.is_in_ledger(key)
