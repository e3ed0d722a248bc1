"""Each account beside what it is made of. Pure but for asking."""

from operations.reconcile.hourly.rows import AccountRow
from operations.reconcile.sums_check import balance_gaps, hold_gaps
from operations.reconcile.tables import Tables


async def account_rows(tables: Tables, workspace_id: int | None) -> list[AccountRow]:
    """All accounts, or one workspace's, by id."""
    rows = {
        row["workspace_id"]: AccountRow(
            workspace_id=row["workspace_id"],
            balance_units=row["balance"],
            entries_units=row["entries"],
            gaps=list(balance_gaps([row])),
        )
        for row in await tables.balances()
        if workspace_id in {None, row["workspace_id"]}
    }
    for row in await tables.holds():
        kind, _, number = row["subject"].partition(":")
        account = rows.get(int(number)) if kind == "account" else None
        if account is not None:
            account.held_units, account.leases_held_units = row["held"], row["by_leases"]
            account.gaps += hold_gaps([row])
    return [rows[each] for each in sorted(rows)]
