"""What a key may still spend: what is shown of it, and what a change of it means. Pure.

A setting `remain_quota = r` means "r from now on": billing reckons the limit as what the key has
used and r, and applies each `quota_version` once. So a setting that nobody meant would grant again
what was spent before it. Tools read a key, change its name and send the whole row back, with a
`remain_quota` that was true when they read it. Therefore:

- What is as it is shown now is no setting.
- A body that names `used_quota` too says what its sender saw. As a key spends, what remains goes
  down and what is used goes up by the same, so what was spent in between is taken off.
- A body that names `quota_version` refers to that setting, and is refused after a later one.
"""

from typing import Any, Final, NamedTuple, TypeAlias

from shared.events.numbers import MAX_QUOTA_UNITS

Row: TypeAlias = Any
"""A key with what is known of its use; see `store_keys`."""
_MOVED: Final = "the key's quota was set by somebody else meanwhile: read the key again"


class QuotaMovedError(Exception):
    """The quota was set after the version that a change refers to."""

    def __init__(self) -> None:
        super().__init__(_MOVED)


class QuotaNamed(NamedTuple):
    """What a change names; None: nothing of the kind."""

    unlimited_quota: bool | None = None
    remain_units: int | None = None
    used_units: int | None = None
    """What the key had used when its sender read it."""
    quota_version: int | None = None


class QuotaSetting(NamedTuple):
    """What a key may spend from now on."""

    unlimited_quota: bool
    remain_units: int
    """Kept, and without effect, while the key is unlimited."""


def first_setting(named: QuotaNamed) -> QuotaSetting:
    """Of a new key. One that names what remains, and not whether it is limited, is limited."""
    is_unlimited = named.unlimited_quota
    if is_unlimited is None:
        is_unlimited = named.remain_units is None
    return QuotaSetting(is_unlimited, named.remain_units or 0)


def changed_setting(row: Row, named: QuotaNamed) -> QuotaSetting | None:
    """The setting that a change makes; None: none. Raises QuotaMovedError."""
    shown = QuotaSetting(row["unlimited_quota"], remain_units(row))
    is_unlimited = shown.unlimited_quota if named.unlimited_quota is None else named.unlimited_quota
    remain = shown.remain_units if named.remain_units is None else named.remain_units
    if remain != shown.remain_units and not shown.unlimited_quota and named.used_units is not None:
        remain = max(0, remain - max(0, used_units(row) - named.used_units))
    setting = QuotaSetting(is_unlimited, min(remain, MAX_QUOTA_UNITS))
    if setting == shown:
        return None
    if named.quota_version not in {None, row["quota_version"]}:
        raise QuotaMovedError
    return setting


def remain_units(row: Row) -> int:
    """What is left: as the newest ledger entry under the present setting says, else the setting.

    An unlimited key has what was left when it became so. Never below 0: a request that used more
    than it had set aside is on its ledger entry.
    """
    left = row["ledger_remain_units"]
    if (
        row["unlimited_quota"]
        or left is None
        or row["ledger_quota_version"] != row["quota_version"]
    ):
        return int(row["remain_quota"])
    return max(0, int(left))


def used_units(row: Row) -> int:
    """All that the key has spent so far, as far as the ledger has told."""
    return int(row["used_units"] or 0)


def is_exhausted(row: Row) -> bool:
    """Whether a limited key has nothing left."""
    return not row["unlimited_quota"] and remain_units(row) == 0
