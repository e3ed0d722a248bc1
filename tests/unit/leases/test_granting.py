"""What billing answers to single messages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.billing.leases.granting import (
    SHORTAGE_LASTS,
    Ask,
    Lease,
    SubjectFigures,
    answer,
    charged,
    released,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(seconds=5)
Pair = tuple[SubjectFigures, Lease]


def ask(seq: int = 1, *, used: int = 0, need: int = 0, want: int = 0, close: bool = False) -> Ask:
    return Ask(seq=seq, used_total=used, need_total=need, want_total=want, is_close=close)


def send(pair: Pair, message: Ask, now: datetime = NOW) -> Pair:
    return answer(*pair, message, now=now)


def rich(balance: int = 1000) -> Pair:
    return SubjectFigures(balance_units=balance), Lease()


def test_a_reserve_is_an_eighth_of_what_is_left_at_the_most() -> None:
    account, lease = send(rich(), ask(need=200, want=1000))
    assert (lease.granted_total, lease.is_short, lease.is_scarce) == (300, False, False)
    assert (account.held_units, account.available_units) == (300, 700)


def test_asking_again_for_the_same_gives_the_same() -> None:
    """The reserve must not creep: what the lease holds itself counts as available to it."""
    pair = send(rich(), ask(1, need=200, want=1000))
    for seq in range(2, 20):
        pair = send(pair, ask(seq, need=200, want=1000))
    assert pair[1].granted_total == 300


def test_a_need_beyond_what_is_available_is_granted_nothing_new() -> None:
    account, lease = send(rich(100), ask(need=101, want=200))
    assert (lease.granted_total, lease.is_short, account.held_units) == (0, True, 0)


def test_the_whole_balance_can_be_needed() -> None:
    account, lease = send(rich(100), ask(need=100, want=100))
    assert (lease.granted_total, lease.is_short, lease.is_scarce) == (100, False, False)
    assert account.available_units == 0


def test_what_is_not_wanted_is_given_back_but_not_what_is_needed_or_used() -> None:
    pair = send(rich(), ask(1, need=500, want=500))
    account, lease = send(pair, ask(2, used=100, need=150, want=0))
    assert lease.granted_total == 150
    assert account.held_units == 150


def test_what_others_hold_makes_the_account_contended_for_a_while() -> None:
    holder = send(rich(), ask(need=900, want=900))
    account, waiting = send((holder[0], Lease()), ask(need=200, want=300))
    assert waiting.is_short
    assert account.short_until == NOW + SHORTAGE_LASTS
    account, lease = send(
        (account, holder[1]), ask(2, need=100, want=900), NOW + timedelta(seconds=5)
    )
    assert lease.is_scarce
    # It wanted all of it, so it keeps what it may be spending; the next time it asks for less.
    assert lease.granted_total == 900
    account, lease = send((account, lease), ask(3, need=100, want=100), SOON)
    assert (lease.granted_total, lease.is_scarce) == (100, True)
    account, waiting = send(
        (account, waiting), ask(2, need=200, want=300), NOW + timedelta(seconds=5)
    )
    assert (waiting.granted_total, waiting.is_short) == (200, False)
    _, later = send((account, waiting), ask(3, need=200, want=250), NOW + timedelta(seconds=60))
    assert (later.granted_total, later.is_scarce) == (250, False)


def test_a_balance_that_is_short_itself_disturbs_nobody() -> None:
    """No other holder could help by shrinking, so none is asked to."""
    account, lease = send(rich(100), ask(need=500, want=500))
    assert lease.is_short
    assert account.short_until is None


def test_what_a_lowered_limit_no_longer_covers_is_asked_back() -> None:
    """A key's limit may fall below what its leases hold: they keep what they are spending."""
    figures, lease = send(rich(), ask(1, used=10, need=50, want=400))
    figures = replace(figures, balance_units=30)
    figures, lease = send((figures, lease), ask(2, used=10, need=50, want=150))
    assert (lease.granted_total, lease.is_scarce) == (150, True)
    figures, lease = send((figures, lease), ask(3, used=20, need=50, want=50))
    assert (lease.granted_total, lease.is_short, lease.is_scarce) == (50, False, True)
    assert figures.available_units == -20
    figures, lease = send((figures, lease), ask(4, used=20, need=70, want=70))
    assert (lease.granted_total, lease.is_short) == (50, True)


def test_use_beyond_the_grant_is_held_as_well() -> None:
    """Else others would be granted what is already spent."""
    pair = send(rich(), ask(1, need=100, want=100))
    account, lease = send(pair, ask(2, used=1200, need=1200, want=1200))
    assert lease.granted_total == 1200
    assert account.available_units == -200


def test_a_close_releases_the_unused_at_once_and_the_used_when_charged() -> None:
    pair = send(rich(), ask(1, need=100, want=100))
    account, lease = send(pair, ask(2, used=30, close=True))
    assert account.held_units == 30
    account, lease = charged(account, lease, 30)
    assert account.held_units == 0
    assert send((account, lease), ask(3, used=50, close=True)) == (account, lease)


def test_a_close_of_an_unknown_lease_keeps_a_late_ask_from_opening_it() -> None:
    pair = send(rich(), ask(1, used=5, close=True))
    account, lease = send(pair, ask(9, need=100, want=100))
    assert not lease.is_open
    assert account.held_units == 5


def test_a_close_counts_although_its_number_is_low() -> None:
    pair = send(rich(), ask(7, need=100, want=100))
    assert not send(pair, ask(1, close=True))[1].is_open


def test_a_charge_may_come_before_anything_else_is_known_of_its_lease() -> None:
    account, lease = charged(*rich(), 40)
    assert account.held_units == 0
    account, lease = send((account, lease), ask(1, used=40, close=True))
    assert account.held_units == 0


def test_spendable_leaves_out_what_is_used_and_not_charged() -> None:
    account, lease = send(rich(), ask(need=400, want=400))
    assert account.spendable_units == 1000
    account, lease = send((account, lease), ask(2, used=300, need=400, want=400))
    assert account.spendable_units == 700
    account = replace(account, balance_units=account.balance_units - 300)
    assert charged(account, lease, 300)[0].spendable_units == 700


def test_a_release_by_force_names_what_it_exposes() -> None:
    pair = send(rich(), ask(1, used=0, need=400, want=400))
    pair = send(pair, ask(2, used=150, need=400, want=400))
    account, lease, exposure = released(*pair)
    assert (exposure, account.held_units, lease.is_open) == (250, 150, False)
    account, lease, exposure = released(account, lease)
    assert (exposure, account.held_units, account.uncharged_units) == (150, 0, 0)
    account, lease = charged(account, lease, 150)
    assert account.held_units == 0
