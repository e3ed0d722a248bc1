"""Complete is only what no relay can still add to."""

from datetime import UTC, datetime, timedelta

from services.logging.usage.freshness import (
    HELD_BACK_S,
    UNKNOWN_RELAY_S,
    Vouching,
    published,
)
from shared.events.health import RelayMarked

_NOW = 1_800_000_000.0


def _mark(relay_id: str, *, behind_s: float, closed: bool = False) -> RelayMarked:
    now = datetime.fromtimestamp(_NOW, UTC)
    return RelayMarked(
        relay_id=relay_id,
        published_until=now - timedelta(seconds=behind_s),
        published_count=1,
        closed=closed,
        marked_at=now,
    )


def test_the_slowest_relay_decides() -> None:
    told = published([_mark("a", behind_s=20), _mark("b", behind_s=45)], now_s=_NOW)
    assert _NOW - 45 - 2 <= told.until <= _NOW - 45 - 1
    assert told.held_back_by == ()


def test_what_is_younger_than_an_unknown_relay_may_be_is_not_vouched_for() -> None:
    assert published([], now_s=_NOW).until == _NOW - UNKNOWN_RELAY_S
    assert published([_mark("a", behind_s=0)], now_s=_NOW).until == _NOW - UNKNOWN_RELAY_S


def test_a_relay_that_has_closed_holds_nothing_back() -> None:
    marks = [_mark("gone", behind_s=9_000, closed=True), _mark("a", behind_s=20)]
    told = published(marks, now_s=_NOW)
    assert told.until > _NOW - 25
    assert told.held_back_by == ()


def test_relays_that_are_far_behind_are_named_in_order() -> None:
    far = HELD_BACK_S + 1
    marks = [_mark(name, behind_s=far) for name in ("z", "a")]
    told = published([*marks, _mark("b", behind_s=1)], now_s=_NOW)
    assert told.held_back_by == ("a", "z")


def test_a_time_holds_once_every_partition_has_been_applied() -> None:
    vouching = Vouching()
    vouching.note(100, {0: 5, 1: 7}, now_s=_NOW)
    assert vouching.reached({0: 5, 1: 6}) == 0
    assert vouching.reached({0: 5}) == 0
    assert vouching.reached({0: 5, 1: 7}) == 100


def test_an_empty_partition_without_a_watermark_holds_nothing_back() -> None:
    vouching = Vouching()
    vouching.note(100, {0: 5, 1: 0}, now_s=_NOW)
    assert vouching.reached({0: 5}) == 100


def test_while_the_tables_are_behind_each_time_waits_for_its_own_offsets() -> None:
    vouching = Vouching()
    for second in range(5):
        vouching.note(100 + second, {0: 10 * second}, now_s=_NOW + second)
    assert vouching.reached({0: 25}) == 102
    vouching.forget(102)
    assert vouching.reached({0: 25}) == 0
    assert vouching.reached({0: 40}) == 104


def test_what_waits_stays_bounded_and_keeps_its_oldest_and_its_newest() -> None:
    vouching = Vouching()
    for second in range(5_000):
        vouching.note(second + 1, {0: second + 1}, now_s=_NOW)
    assert len(vouching.waiting) <= 600
    assert vouching.waiting[0].until == 1
    assert vouching.reached({0: 5_000}) > 4_990


def test_tables_that_are_a_minute_behind_are_named() -> None:
    vouching = Vouching()
    vouching.note(100, {0: 1}, now_s=_NOW)
    assert not vouching.is_late(now_s=_NOW + HELD_BACK_S)
    assert vouching.is_late(now_s=_NOW + HELD_BACK_S + 1)
    vouching.forget(100)
    assert not vouching.is_late(now_s=_NOW + HELD_BACK_S + 1)


def test_a_relay_that_holds_a_time_back_does_not_make_the_tables_late() -> None:
    vouching = Vouching()
    for second in range(HELD_BACK_S * 2):
        vouching.note(100, {0: 1}, now_s=_NOW + second)
        vouching.forget(vouching.reached({0: 1}))
    assert not vouching.is_late(now_s=_NOW + HELD_BACK_S * 2)
