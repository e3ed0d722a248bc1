"""A new secret for a key, within the caller's transaction.

The key stays what it is: its id, its leases and its use. The old secret is valid for a period of
grace, in which whoever uses it can change over; one that is still in grace from before ends now.
Relays refuse the old one by the expiry that its record carries, without hearing of it again.
"""

from datetime import timedelta

import asyncpg

from services.control.audit import Actor, record_action
from services.control.keys.keys import announce_key, give_secret, own_key
from services.control.keys.store_keys import read_key
from services.control.keys.store_secrets import end_secrets, valid_hashes
from shared.postgres.retrying import Connection


async def rotate_key(
    connection: Connection, actor: Actor, key_id: int, *, grace: timedelta
) -> tuple[asyncpg.Record, str]:
    """Answers the key's row and the new key as it is shown, once."""
    await own_key(connection, actor, key_id)
    ended = await end_secrets(connection, key_id, grace=grace)
    secret = await give_secret(connection, key_id)
    changed = {*ended, *await valid_hashes(connection, key_id)}
    await announce_key(connection, key_id, sorted(changed))
    changes = {"grace_s": int(grace.total_seconds())}
    await record_action(connection, actor, "token.rotate", resource_id=key_id, changes=changes)
    row = await read_key(connection, key_id)
    assert row is not None  # noqa: S101 - it is locked
    return row, secret
