"""Answering a relay's message: one transaction for the whole of it."""

from services.billing.desk import LeaseDesk, account_id, refused
from services.billing.store_accounts import add_missing_accounts, lock_accounts, write_accounts
from services.billing.store_leases import lock_leases, put_leases
from shared.leases.protocol import LeaseAnswers, LeaseAsks
from shared.postgres.retrying import Connection


async def answer_message(connection: Connection, message: LeaseAsks) -> LeaseAnswers:
    """Answer every ask, in order. Repeatable; the caller commits.

    A lease that is another relay's or another subject's, or whose subject is none, is answered as
    closed and left as it is.
    """
    wanted = {i for ask in message.leases if (i := account_id(ask.subject)) is not None}
    if not wanted:
        return LeaseAnswers(leases=tuple(refused(ask) for ask in message.leases))
    await add_missing_accounts(connection, wanted)
    locked = await lock_accounts(connection, wanted)
    leases = await lock_leases(connection, (ask.lease_id for ask in message.leases))
    desk = LeaseDesk(message.relay_id, locked.now, locked.accounts, leases)
    answers = tuple(desk.answer(ask) for ask in message.leases)
    await put_leases(connection, desk.changed_leases, is_heartbeat=True)
    await write_accounts(connection, desk.changed_accounts)
    return LeaseAnswers(leases=answers)
