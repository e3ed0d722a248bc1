"""Grants in the course of charges and of what is given back of them."""

from collections.abc import Mapping, Sequence

import orjson

from services.billing.charging.chargeable import Charge
from services.billing.grants.consuming import Lot, Paid, Payable, consume, within
from services.billing.grants.store_grants import lock_lots, set_remaining
from shared.postgres.retrying import Connection


async def pay_from_grants(
    connection: Connection, charges: list[Charge], balances: Mapping[int, int]
) -> list[Charge]:
    """Pay new charges from grants that end, as far as there are any; in order.

    Under the accounts' lock, which orders the lots' own as well. `balances`, by workspace, are
    those before the charges: what lots have beyond those after them is gone. Answers the charges,
    those that a grant paid with what paid them in their detail.
    """
    lots = await lock_lots(connection, {charge.workspace_id for charge in charges})
    if not lots:
        return charges
    payable = [
        Payable(charge.workspace_id, charge.quota_units, charge.completed_at) for charge in charges
    ]
    paid, remaining = consume(lots, payable)
    left = {
        workspace_id: [_with_left(lot, remaining) for lot in own]
        for workspace_id, own in lots.items()
    }
    after = dict(balances)
    for charge in charges:
        after[charge.workspace_id] -= charge.quota_units
    await set_remaining(connection, remaining | within(left, after))
    return [_with_sources(charge, parts) for charge, parts in zip(charges, paid, strict=True)]


def _with_sources(charge: Charge, parts: Sequence[Paid]) -> Charge:
    if not parts:
        return charge
    sources = orjson.dumps([part._asdict() for part in parts])
    return charge._replace(detail=charge.detail[:-1] + b',"sources":' + sources + b"}")


def _with_left(lot: Lot, remaining: Mapping[int, int]) -> Lot:
    return lot._replace(remaining_units=remaining.get(lot.grant_id, lot.remaining_units))
