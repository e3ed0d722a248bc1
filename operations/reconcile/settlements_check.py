"""Settlements: what came back of each charge is what the entries that refer to it sum up to."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import asyncpg

from operations.reconcile.gaps import Check, Gap, check

_COUNT: Final = "SELECT count(*) FROM billing.charge_settlements"
_DIFFERING: Final = """
SELECT coalesce(substr(charge.cause, 9), 'entry ' || charge_entry_id) AS charge,
       settled.charged_units, settled.adjusted_units, settled.refunded_units,
       coalesce(-charge.amount_units, 0) AS charged, coalesce(referring.adjusted, 0) AS adjusted,
       coalesce(referring.refunded, 0) AS refunded
FROM billing.charge_settlements AS settled
FULL JOIN (
    SELECT refers_to_entry_id AS charge_entry_id,
           sum(CASE WHEN kind = 'adjustment' THEN -amount_units ELSE 0 END)::bigint AS adjusted,
           sum(CASE WHEN kind = 'refund' THEN amount_units ELSE 0 END)::bigint AS refunded
    FROM billing.ledger_entries WHERE refers_to_entry_id IS NOT NULL GROUP BY 1
) AS referring USING (charge_entry_id)
LEFT JOIN billing.ledger_entries AS charge
    ON charge.entry_id = charge_entry_id AND charge.kind = 'charge'
WHERE (settled.charged_units, settled.adjusted_units, settled.refunded_units)
          IS DISTINCT FROM (-charge.amount_units, referring.adjusted, referring.refunded)
   OR referring.refunded > referring.adjusted - charge.amount_units
"""


async def settlements_check(connection: asyncpg.Connection) -> Check:
    """The charges, by request, that were not settled as the entries say; in the caller's snapshot.

    What was given back of a charge is never more than it came to, whoever has let it be.
    """
    looked_at = await connection.fetchval(_COUNT)
    rows = await connection.fetch(_DIFFERING)
    return check("I8 settlements = refunds and adjustments of a charge", looked_at, _gaps(rows))


def _gaps(rows: Iterable[Any]) -> Iterator[Gap]:
    for row in rows:
        of_it = f"{row['charged']} charged, {row['adjusted']} adjusted, {row['refunded']} refunded"
        if row["charged_units"] is None:
            yield Gap(row["charge"], f"is not settled; the ledger has {of_it}")
        else:
            yield Gap(
                row["charge"],
                f"is settled as {row['charged_units']} charged, {row['adjusted_units']} adjusted,"
                f" {row['refunded_units']} refunded; the ledger has {of_it}",
            )
