"""Sums: hours, balances, keys and holds against the entries and leases they are made of."""

from collections.abc import Iterable, Iterator

from operations.reconcile.gaps import Check, Gap, check
from operations.reconcile.tables import Row, Tables


async def sum_checks(tables: Tables) -> list[Check]:
    """I3, and the sums of I2. All from one snapshot, so that a running system has no gaps."""
    hours, balances, keys, holds = (
        await tables.hours(),
        await tables.balances(),
        await tables.keys(),
        await tables.holds(),
    )
    return [
        check("I2 quota_data = ledger entries, by user, model, hour", len(hours), _hours(hours)),
        check("I3 balances = sums of ledger entries", len(balances), balance_gaps(balances)),
        check("I3 debts = excesses and forced releases", len(balances), _debts(balances)),
        check("I3 use of keys = sums of ledger entries", len(keys), _keys(keys)),
        check("I3 holds = sums over leases", len(holds), hold_gaps(holds)),
    ]


def _hours(rows: Iterable[Row]) -> Iterator[Gap]:
    for row in rows:
        if (row["count"], row["quota"]) != (row["entries"], row["charged"]):
            yield Gap(
                f"user {row['user_id']}, model {row['model']!r}, hour {row['hour']}",
                f"quota_data has {row['count']} requests of {row['quota']},"
                f" the ledger {row['entries']} of {row['charged']}",
            )


def balance_gaps(rows: Iterable[Row]) -> Iterator[Gap]:
    """Accounts that are not what their entries sum to. Rows of `Tables.balances`."""
    for row in rows:
        account = f"account {row['workspace_id']}"
        if row["balance"] != row["entries"]:
            yield Gap(
                account, f"its balance is {row['balance']}, its entries sum to {row['entries']}"
            )
        if row["charged"] != row["charges"]:
            yield Gap(account, f"counts {row['charged']} as charged, the ledger {row['charges']}")


def _debts(rows: Iterable[Row]) -> Iterator[Gap]:
    for row in rows:
        if row["balance"] + row["allowed_debt"] < 0:
            yield Gap(
                f"account {row['workspace_id']}",
                f"its balance is {row['balance']}, and its entries explain {row['allowed_debt']}",
            )


def _keys(rows: Iterable[Row]) -> Iterator[Gap]:
    for row in rows:
        if (row["count"], row["used"]) != (row["entries"], row["charged"]):
            yield Gap(
                f"key {row['key_id']}",
                f"counts {row['count']} requests of {row['used']},"
                f" the ledger {row['entries']} of {row['charged']}",
            )


def hold_gaps(rows: Iterable[Row]) -> Iterator[Gap]:
    """Subjects that do not hold what their leases hold. Rows of `Tables.holds`."""
    for row in rows:
        subject = row["subject"].replace(":", " ")
        if row["held"] != row["by_leases"]:
            yield Gap(subject, f"holds {row['held']}, its leases {row['by_leases']}")
        if row["uncharged"] != row["uncharged_by_leases"]:
            yield Gap(
                subject,
                f"has {row['uncharged']} uncharged, its leases {row['uncharged_by_leases']}",
            )
