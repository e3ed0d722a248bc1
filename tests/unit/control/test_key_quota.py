"""What a key may still spend, and when a body of a tool means to set it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.control.keys.key_quota import (
    QuotaMovedError,
    QuotaNamed,
    QuotaSetting,
    changed_setting,
    first_setting,
    is_exhausted,
    remain_units,
)

units = st.integers(0, 10**15)


def key(**changes: Any) -> dict[str, Any]:
    """A key that was given 1000 and has spent 100 of it since, and 50 before."""
    values: dict[str, Any] = {
        "unlimited_quota": False,
        "remain_quota": 1000,
        "quota_version": 3,
        "ledger_quota_version": 3,
        "ledger_remain_units": 900,
        "used_units": 150,
    }
    return values | changes


def seen(row: dict[str, Any]) -> QuotaNamed:
    """What a tool sends back that changes nothing of what it read."""
    return QuotaNamed(
        unlimited_quota=row["unlimited_quota"],
        remain_units=remain_units(row),
        used_units=row["used_units"] or 0,
        quota_version=row["quota_version"],
    )


def test_what_is_left_is_the_newest_entrys_figure() -> None:
    assert remain_units(key()) == 900


def test_an_entry_under_an_older_setting_says_nothing_of_the_present_one() -> None:
    assert remain_units(key(ledger_quota_version=2)) == 1000


def test_a_key_that_was_never_used_has_all_that_it_was_given() -> None:
    row = key(ledger_quota_version=None, ledger_remain_units=None, used_units=None)
    assert remain_units(row) == 1000


def test_an_overdrawn_key_has_nothing_and_not_less() -> None:
    assert remain_units(key(ledger_remain_units=-5)) == 0
    assert is_exhausted(key(ledger_remain_units=-5))


def test_one_unit_is_not_exhausted_and_an_unlimited_key_never_is() -> None:
    assert not is_exhausted(key(ledger_remain_units=1))
    assert is_exhausted(key(ledger_remain_units=0))
    assert not is_exhausted(key(unlimited_quota=True, remain_quota=0))


@pytest.mark.parametrize(
    ("named", "made"),
    [
        (QuotaNamed(), QuotaSetting(True, 0)),
        (QuotaNamed(remain_units=5), QuotaSetting(False, 5)),
        (QuotaNamed(remain_units=0), QuotaSetting(False, 0)),
        (QuotaNamed(unlimited_quota=False), QuotaSetting(False, 0)),
        (QuotaNamed(unlimited_quota=True, remain_units=5), QuotaSetting(True, 5)),
    ],
)
def test_a_new_key_that_names_what_remains_is_limited(
    named: QuotaNamed, made: QuotaSetting
) -> None:
    assert first_setting(named) == made


def test_what_is_not_named_is_not_set() -> None:
    assert changed_setting(key(), QuotaNamed()) is None


def test_a_figure_alone_is_what_remains_from_now_on() -> None:
    assert changed_setting(key(), QuotaNamed(remain_units=5000)) == QuotaSetting(False, 5000)
    assert changed_setting(key(), QuotaNamed(remain_units=0)) == QuotaSetting(False, 0)


def test_a_top_up_of_a_stale_row_adds_what_its_sender_meant() -> None:
    """Read when 1000 remained, then 100 were spent: +500 makes 1400 and not 1500."""
    named = QuotaNamed(remain_units=1500, used_units=50, quota_version=3)
    assert changed_setting(key(), named) == QuotaSetting(False, 1400)


def test_a_setting_that_refers_to_an_older_one_is_refused() -> None:
    with pytest.raises(QuotaMovedError):
        changed_setting(key(), QuotaNamed(remain_units=500, used_units=50, quota_version=2))


def test_a_row_from_before_an_older_setting_that_changes_nothing_is_taken() -> None:
    assert changed_setting(key(), QuotaNamed(remain_units=900, quota_version=2)) is None


def test_a_limited_key_that_becomes_unlimited_keeps_what_was_left() -> None:
    made = changed_setting(key(), QuotaNamed(unlimited_quota=True))
    assert made == QuotaSetting(True, 900)
    row = key(unlimited_quota=True, remain_quota=900, quota_version=4)
    assert changed_setting(row, QuotaNamed(unlimited_quota=False)) == QuotaSetting(False, 900)


@given(given_units=units, spent_before=units, spent_since=units, more=units)
def test_a_whole_row_sent_back_however_late_never_grants_again_what_was_spent(
    given_units: int, spent_before: int, spent_since: int, more: int
) -> None:
    """The tool read the row, the key went on spending, and the tool sends it with a new name."""

    def at(spent: int) -> dict[str, Any]:
        return key(
            remain_quota=given_units,
            ledger_remain_units=given_units - spent,
            used_units=more + spent,
        )

    then, now = at(spent_before), at(spent_before + spent_since)
    if given_units >= spent_before:  # what is shown is what is so
        assert changed_setting(now, seen(then)) is None
    made = changed_setting(now, seen(then))
    assert made is None or made.remain_units <= remain_units(then)


@given(row_units=units, named=st.none() | units, used=st.none() | units, version=st.integers(0, 5))
def test_a_setting_is_never_negative_and_never_beyond_what_was_named(
    row_units: int, named: int | None, used: int | None, version: int
) -> None:
    row = key(ledger_remain_units=row_units)
    try:
        made = changed_setting(row, QuotaNamed(None, named, used, version))
    except QuotaMovedError:
        assert version != row["quota_version"]
        return
    if made is not None:
        assert named is not None
        assert 0 <= made.remain_units <= named
