"""A chunk of charges, rated again. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from services.billing.what_if.store_charges import OldCharge
from shared.money.rerating import Choice, Rateable, Rerater, group_of, price_of

# Entries keep details as the event had them, cut out and not looked at: whoever published it may
# have been wrong in what a charge does not need.
_UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


class Again(NamedTuple):
    """A charge and what it would have been; None: it says too little."""

    charge: OldCharge
    units: int | None

    @property
    def difference_units(self) -> int:
        """By how much it would have been more; what was refunded is not taken back again."""
        if self.units is None:
            return 0
        return max(self.units, self.charge.refunded_units) - self.charge.units


def choice_of(prices: Mapping[str, Any]) -> Choice:
    """The prices that a run has kept."""
    return Choice(
        {model: price_of(told) for model, told in prices["prices"].items()},
        {group: group_of(told) for group, told in prices.get("group_ratios", {}).items()},
    )


def rate_again(rerater: Rerater, charges: Iterable[OldCharge]) -> list[Again]:
    """In the same order."""
    return [Again(charge, _units(rerater, charge)) for charge in charges]


def summed(rated: Iterable[Again]) -> dict[tuple[int, str], list[int]]:
    """Requests, old and new units by workspace and model, of those that could be rated."""
    sums: dict[tuple[int, str], list[int]] = {}
    for again in rated:
        if again.units is None:
            continue
        charge = again.charge
        of = sums.setdefault((charge.workspace_id, charge.model), [0, 0, 0])
        of[0] += 1
        of[1] += charge.units
        of[2] += charge.units + again.difference_units
    return sums


def _units(rerater: Rerater, charge: OldCharge) -> int | None:
    if charge.detail is None:
        return None
    try:
        detail = orjson.loads(charge.detail)
        return rerater.units(
            Rateable(
                model=charge.model,
                group=detail.get("group") or "",
                user_group=detail.get("user_group") or "",
                usage_source=detail.get("usage_source") or "",
                usage=detail["usage"],
                rating=(charge.rating or "").encode(),
            )
        )
    except _UNREADABLE:
        return None
