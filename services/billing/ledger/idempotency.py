"""A caller's key: what was done with it before is answered again, and nothing else is done."""

from collections.abc import Callable
from typing import Final

from services.billing.ledger.store_entries import PostedEntry, entries_by_cause
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

KEY_IS_TAKEN: Final = "this idempotency_key was used for something else"


async def repeated_entry(
    connection: Connection, cause: str, is_same: Callable[[PostedEntry], bool]
) -> PostedEntry | None:
    """The entry of a cause that is in the ledger. Under the account's lock, None stays so.

    Raises EnvelopeError where it is not what is asked for now.
    """
    posted = (await entries_by_cause(connection, [cause])).get(cause)
    if posted is not None and not is_same(posted):
        raise EnvelopeError(KEY_IS_TAKEN)
    return posted
