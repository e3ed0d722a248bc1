"""Grants in the course of charges and of what is given back of them."""

from collections.abc import Sequence

import orjson

from services.billing.charging.chargeable import Charge
from services.billing.grants.consuming import Paid, Payable, consume
from services.billing.grants.store_grants import lock_lots, set_remaining
from shared.postgres.retrying import Connection


async def pay_from_grants(connection: Connection, charges: list[Charge]) -> list[Charge]:
    """Pay new charges from grants that end, as far as there are any; in order.

    Under the accounts' lock. Answers the charges, those that a grant paid with what paid them in
    their detail.
    """
    lots = await lock_lots(connection, {charge.workspace_id for charge in charges})
    if not lots:
        return charges
    payable = [
        Payable(charge.workspace_id, charge.quota_units, charge.completed_at) for charge in charges
    ]
    paid, remaining = consume(lots, payable)
    await set_remaining(connection, remaining)
    return [_with_sources(charge, parts) for charge, parts in zip(charges, paid, strict=True)]


def _with_sources(charge: Charge, parts: Sequence[Paid]) -> Charge:
    if not parts:
        return charge
    sources = orjson.dumps([part._asdict() for part in parts])
    return charge._replace(detail=charge.detail[:-1] + b',"sources":' + sources + b"}")
