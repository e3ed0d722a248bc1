"""A run's differences as adjustments: each names the charge that it adjusts, and is posted once."""

from typing import Final

from services.billing.accounts.store_accounts import lock_accounts
from services.billing.ledger.adjustments import RUNS
from services.billing.ledger.reversing import OfCharge, post_of_charges
from services.billing.ledger.store_settlements import charges_by_id
from services.billing.what_if.rating_again import choice_of, rate_again
from services.billing.what_if.store_charges import OldCharge, read_charges
from services.billing.what_if.store_runs import Run, move_posted, prices_of
from shared.events.ledger import EntryKind
from shared.money.rerating import Rerater
from shared.postgres.retrying import Connection

POSTED_AT_ONCE: Final = 500
"""Accounts are locked meanwhile: less than a batch of charges takes."""


async def post_chunk(connection: Connection, run: Run, *, limit: int = POSTED_AT_ONCE) -> None:
    """The next adjustments of a run, in the caller's transaction, under the run's lock."""
    charges = await _next(connection, run, limit)
    rerater = Rerater(choice_of(await prices_of(connection, run.run_id)))
    # Locked before they are read again: what a refund takes meanwhile is then in the figures.
    accounts = await lock_accounts(connection, {charge.workspace_id for charge in charges})
    charges = await _next(connection, run, limit)
    different = {
        again.charge.entry_id: again.difference_units
        for again in rate_again(rerater, charges)
        if again.difference_units
    }
    entries = await charges_by_id(connection, different)
    wanted = [
        OfCharge(
            charge=entries[entry_id],
            kind=EntryKind.ADJUSTMENT,
            cause=f"adjustment:{RUNS}{run.run_id}:{entry_id}",
            amount_units=-units,
            actor_user_id=run.asked.get("posted_by"),
            actor_name=run.asked.get("posted_by_name", ""),
            note=f"what-if {run.run_id}",
        )
        for entry_id, units in different.items()
    ]
    await post_of_charges(connection, accounts, wanted)
    is_last = len(charges) < limit
    await move_posted(
        connection,
        run.run_id,
        state="posted" if is_last else "posting",
        next_entry_id=run.last_entry_id + 1 if is_last else charges[-1].entry_id + 1,
    )


async def _next(connection: Connection, run: Run, limit: int) -> list[OldCharge]:
    return await read_charges(
        connection,
        run.charges,
        first_entry_id=run.next_post_entry_id,
        last_entry_id=run.last_entry_id,
        limit=limit,
    )
