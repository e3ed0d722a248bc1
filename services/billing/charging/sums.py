"""What a batch of charges does to balances, leases, keys and hours. Pure: sums, in order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from services.billing.charging.chargeable import Charge
from services.billing.leases import subjects
from services.billing.leases.subjects import Subject


class KeyUse(NamedTuple):
    """What a batch adds to one key."""

    workspace_id: int
    quota_units: int
    requests: int
    last_used_at_us: int


class LeaseOf(NamedTuple):
    """A lease as a request names it."""

    lease_id: str
    subject: Subject
    workspace_id: int


class KeyRemain(NamedTuple):
    """What a key with a limit may still spend."""

    units: int
    quota_version: int | None
    """The setting of the limit."""


class HourOfUser(NamedTuple):
    """One row of `quota_data`. The order of the fields is the order in which rows are locked."""

    hour: int
    user_id: int
    model: str
    username: str


class HourUse(NamedTuple):
    """What a batch adds to one row of `quota_data`."""

    tokens: int
    requests: int
    quota_units: int


def distinct(charges: Iterable[Charge], known_causes: frozenset[str]) -> list[Charge]:
    """The charges that move money now: the first of each request, unless it is in the ledger."""
    first: dict[str, Charge] = {}
    for charge in charges:
        if cause_of(charge) not in known_causes:
            first.setdefault(charge.request_id, charge)
    return list(first.values())


def cause_of(charge: Charge) -> str:
    """The ledger entry's cause: the same request is never charged twice."""
    return f"request:{charge.request_id}"


def balances_after(charges: Sequence[Charge], balances: Mapping[int, int]) -> list[int]:
    """The balance after each charge, one after another."""
    running = dict(balances)
    after = []
    for charge in charges:
        running[charge.workspace_id] = balance = running[charge.workspace_id] - charge.quota_units
        after.append(balance)
    return after


def by_account(charges: Iterable[Charge]) -> dict[int, int]:
    """Quota by workspace."""
    sums: dict[int, int] = {}
    for charge in charges:
        sums[charge.workspace_id] = sums.get(charge.workspace_id, 0) + charge.quota_units
    return sums


def remains_after(
    charges: Sequence[Charge], remains: Mapping[int, KeyRemain]
) -> list[KeyRemain | None]:
    """What each charge's key may still spend after it, one after another; None: without a limit.

    `remains` is by key, before the first charge.
    """
    if not remains:
        return [None] * len(charges)
    running = dict(remains)
    after: list[KeyRemain | None] = []
    for charge in charges:
        remain = running.get(charge.key_id)
        if remain is not None:
            remain = KeyRemain(remain.units - charge.quota_units, remain.quota_version)
            running[charge.key_id] = remain
        after.append(remain)
    return after


def by_lease(charges: Iterable[Charge]) -> dict[LeaseOf, int]:
    """Quota by lease: the whole of a charge counts against each lease that it was admitted from."""
    accounts: dict[tuple[str, int], int] = {}
    keys: dict[tuple[str, int, int], int] = {}
    for charge in charges:
        units = charge.quota_units
        if not units:
            continue
        if charge.account_lease_id is not None:
            of_account = (charge.account_lease_id, charge.workspace_id)
            accounts[of_account] = accounts.get(of_account, 0) + units
        if charge.key_lease_id is not None:
            of_key = (charge.key_lease_id, charge.key_id, charge.workspace_id)
            keys[of_key] = keys.get(of_key, 0) + units
    return {
        LeaseOf(lease_id, subjects.account(workspace_id), workspace_id): units
        for (lease_id, workspace_id), units in accounts.items()
    } | {
        LeaseOf(lease_id, subjects.key(key_id), workspace_id): units
        for (lease_id, key_id, workspace_id), units in keys.items()
    }


def by_key(charges: Iterable[Charge]) -> dict[int, KeyUse]:
    """Use by key."""
    uses: dict[int, KeyUse] = {}
    for charge in charges:
        use = uses.get(charge.key_id)
        uses[charge.key_id] = (
            KeyUse(charge.workspace_id, charge.quota_units, 1, charge.completed_at_us)
            if use is None
            else KeyUse(
                use.workspace_id,
                use.quota_units + charge.quota_units,
                use.requests + 1,
                max(use.last_used_at_us, charge.completed_at_us),
            )
        )
    return uses


def by_hour(charges: Iterable[Charge]) -> dict[HourOfUser, HourUse]:
    """Use by user, model and hour of completion."""
    uses: dict[HourOfUser, HourUse] = {}
    for charge in charges:
        row = HourOfUser(charge.hour, charge.user_id, charge.model, charge.username)
        use = uses.get(row)
        uses[row] = (
            HourUse(charge.tokens, 1, charge.quota_units)
            if use is None
            else HourUse(
                use.tokens + charge.tokens,
                use.requests + 1,
                use.quota_units + charge.quota_units,
            )
        )
    return uses
