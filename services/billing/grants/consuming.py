"""What grants pay of charges, and get back of refunds. Pure.

A grant with an end is a lot: what is left of it is a part of the balance that expires. Charges are
paid from the lot that expires first, and from the rest of the balance where no lot is left; what
is given back goes the same way backwards. Whatever else leaves the balance, lots together are never
more than it: an expiry would else take what was paid in since.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple


class Lot(NamedTuple):
    """What is left of a grant."""

    grant_id: int
    remaining_units: int
    expires_at: datetime


class Paid(NamedTuple):
    """What one grant paid of a charge."""

    grant_id: int
    units: int


class Payable(NamedTuple):
    """A charge, as far as lots pay it."""

    workspace_id: int
    units: int
    at: datetime
    """A lot that had expired by then pays nothing of it."""


def consume(
    lots: Mapping[int, Sequence[Lot]], charges: Sequence[Payable]
) -> tuple[list[list[Paid]], dict[int, int]]:
    """What pays each charge, in order; and what is left of each lot that paid, by grant.

    `lots` are by workspace.
    """
    order = {
        workspace_id: sorted(open_lots, key=lambda lot: (lot.expires_at, lot.grant_id))
        for workspace_id, open_lots in lots.items()
    }
    left = {lot.grant_id: lot.remaining_units for own in lots.values() for lot in own}
    changed: dict[int, int] = {}
    paid = []
    for workspace_id, units, at in charges:
        parts: list[Paid] = []
        unpaid = units
        for lot in order.get(workspace_id, ()):
            part = min(unpaid, left[lot.grant_id])
            if part > 0 and at < lot.expires_at:
                unpaid -= part
                left[lot.grant_id] -= part
                changed[lot.grant_id] = left[lot.grant_id]
                parts.append(Paid(lot.grant_id, part))
        paid.append(parts)
    return paid, changed


def returned(sources: Sequence[Paid], net_before: int, net_after: int) -> list[Paid]:
    """What each grant gets back where a charge's net falls; below zero where it rises again.

    The grants paid the charge's first units, in order: a net of so many units leaves them with what
    they paid of those.
    """
    parts = []
    begin = 0
    for grant_id, units in sources:
        before, after = (min(max(0, net - begin), units) for net in (net_before, net_after))
        if before != after:
            parts.append(Paid(grant_id, before - after))
        begin += units
    return parts


def within(lots: Mapping[int, Sequence[Lot]], balances: Mapping[int, int]) -> dict[int, int]:
    """What is left of each lot that gives up what its account does not have, by grant.

    The first to end gives up first, as it would have paid first.
    """
    changed: dict[int, int] = {}
    for workspace_id, own in lots.items():
        beyond = sum(lot.remaining_units for lot in own) - max(0, balances[workspace_id])
        for lot in sorted(own, key=lambda lot: (lot.expires_at, lot.grant_id)):
            part = min(max(0, beyond), lot.remaining_units)
            if part:
                beyond -= part
                changed[lot.grant_id] = lot.remaining_units - part
    return changed


class Expiring(NamedTuple):
    """What becomes of a lot at its end."""

    units: int
    """To be taken from the balance now."""
    left_units: int
    """Held by leases: to be taken later, as far as it is not spent by then."""


def expiring(*, remaining_units: int, balance_units: int, available_units: int) -> Expiring:
    """How much of a lot expires, so that nothing is taken that a lease has promised."""
    there = min(remaining_units, max(0, balance_units))
    units = min(there, max(0, available_units))
    return Expiring(units, there - units)
