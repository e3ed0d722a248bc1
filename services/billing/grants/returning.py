"""What is given back of a charge goes back to the grants that paid it, the last one first."""

from collections.abc import Iterable

from services.billing.grants.consuming import returned
from services.billing.grants.store_grants import return_to_lot
from services.billing.ledger.store_settlements import ChargeEntry, settlement_of
from shared.postgres.retrying import Connection


async def return_to_grants(
    connection: Connection, moves: Iterable[tuple[ChargeEntry, int]]
) -> None:
    """Take changes of what charges come to, each before its entry is in the ledger.

    Under the accounts' lock. Units below zero are given back. A grant that has ended gets nothing:
    that stays in the balance.
    """
    nets: dict[int, int] = {}
    for of, units in moves:
        if not of.sources:
            continue
        net = nets.get(of.entry_id)
        if net is None:
            net = (await settlement_of(connection, of)).net_units
        nets[of.entry_id] = net + units
        for grant_id, back in returned(of.sources, net, net + units):
            await return_to_lot(connection, grant_id, back)
