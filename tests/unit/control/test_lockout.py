from datetime import UTC, datetime, timedelta

import pytest

from services.control.sessions.lockout import (
    LockoutLimits,
    Tally,
    Wait,
    count_for_address,
    count_for_name,
    subject_of_address,
    subject_of_name,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMITS = LockoutLimits(
    max_failures=3,
    first_lock=30 * SECOND,
    longest_lock=100 * SECOND,
    address_failures=2,
    address_window=60 * SECOND,
)


def _tally(counted: Tally | Wait) -> Tally:
    assert isinstance(counted, Tally)
    return counted


def test_a_name_is_locked_at_the_limit_and_for_longer_each_time() -> None:
    tally, now, locks = None, NOW, []
    for _ in range(7):
        tally = _tally(count_for_name(tally, now=now, limits=LIMITS))
        if tally.locked_until is not None:
            locks.append((tally.locked_until - now).total_seconds())
            last_moment = tally.locked_until - timedelta(microseconds=1)
            waiting = count_for_name(tally, now=last_moment, limits=LIMITS)
            assert waiting == Wait(timedelta(microseconds=1))
            now = tally.locked_until
    assert locks == [30, 60, 100, 100, 100]


def test_a_day_without_any_begins_anew() -> None:
    tally = Tally(failed_attempts=99, first_failed_at=NOW, last_failed_at=NOW)
    day = timedelta(days=1)
    assert _tally(count_for_name(tally, now=NOW + day, limits=LIMITS)).failed_attempts == 1
    just_before = count_for_name(tally, now=NOW + day - SECOND, limits=LIMITS)
    assert _tally(just_before).failed_attempts == 100


def test_so_many_failures_that_the_doubling_would_overflow() -> None:
    tally = Tally(failed_attempts=2**31, first_failed_at=NOW, last_failed_at=NOW)
    counted = _tally(count_for_name(tally, now=NOW, limits=LIMITS))
    assert counted.locked_until == NOW + LIMITS.longest_lock


def test_an_address_has_its_failures_in_each_window() -> None:
    first = _tally(count_for_address(None, now=NOW, limits=LIMITS))
    second = _tally(count_for_address(first, now=NOW + 59 * SECOND, limits=LIMITS))
    assert count_for_address(second, now=NOW + 59 * SECOND, limits=LIMITS) == Wait(SECOND)
    third = _tally(count_for_address(second, now=NOW + 60 * SECOND, limits=LIMITS))
    assert (third.failed_attempts, third.first_failed_at) == (1, NOW + 60 * SECOND)


def test_a_network_of_ipv6_counts_as_one() -> None:
    assert subject_of_address("2001:db8::1") == subject_of_address("2001:db8:0:0:ffff::2")
    assert subject_of_address("2001:db8::1") != subject_of_address("2001:db8:0:1::1")
    assert subject_of_address("192.0.2.1") == subject_of_address("::ffff:192.0.2.1")
    assert subject_of_address("192.0.2.1") != subject_of_address("192.0.2.2")
    assert subject_of_address("fe80::1%eth0") == subject_of_address("fe80::2")


@pytest.mark.parametrize("address", ["", "unknown", "192.0.2.1, 10.0.0.1", "\ud800"])
def test_an_address_that_is_none_is_not_counted(address: str) -> None:
    assert subject_of_address(address) is None


def test_a_name_and_an_address_are_never_the_same_subject() -> None:
    assert subject_of_name("192.0.2.1") != subject_of_address("192.0.2.1")
    assert len(subject_of_name("\ud800")) == 32
