"""A relay's lease against a billing that answers late or never: room is never invented."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.relay.leases.leasing import Lease, LeaseLimits
from shared.leases.protocol import LeaseAnswer, LeaseAsk, LeaseState

UNITS = st.integers(0, 1_000)
PICK = st.integers(0, 1_000_000)
LIMITS = LeaseLimits(first_reserve_units=300, validity_s=600, heartbeat_s=5, scarce_heartbeat_s=0.5)


def new_lease(now: float = 0.0) -> Lease:
    return Lease(lease_id="lease-1", subject="account:1", limits=LIMITS, now=now)


def answered(lease: Lease, granted: int, *, spendable: int = 10**6, scarce: bool = False) -> bool:
    return lease.apply(
        LeaseAnswer(
            lease_id=lease.lease_id,
            seq=lease.seq,
            granted_total=granted,
            state=LeaseState.OPEN,
            is_scarce=scarce,
            spendable_units=spendable,
        )
    )


class LeaseModel(RuleBasedStateMachine):
    """`promised` is what billing keeps set aside: no message may leave the relay spending more."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.lease = new_lease(self.now)
        self.asks: list[tuple[float, LeaseAsk]] = []
        self.answers: list[tuple[float, LeaseAnswer]] = []
        self.stored_seq = self.promised = 0
        self.holds: list[int] = []
        self.used = self.excess = 0
        self.heard_sent_at = -1e9

    @rule(seconds=st.sampled_from([0.1, 1, 30, 200, 700]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(waiting=st.lists(UNITS, max_size=3))
    def ask(self, waiting: list[int]) -> None:
        spent = self.used + sum(self.holds)
        ask = self.lease.ask(waiting=waiting, now=self.now)
        assert ask.used_total == self.used
        assert ask.need_total == spent + (waiting[0] if waiting else 0)
        assert ask.want_total >= max(ask.need_total, spent + sum(waiting))
        assert not self.asks or ask.seq > self.asks[-1][1].seq
        self.asks.append((self.now, ask))

    @precondition(lambda self: self.asks)
    @rule(pick=PICK, share=st.integers(0, 4))
    def billing_hears(self, pick: int, share: int) -> None:
        """Billing keeps to the protocol: an old message changes nothing there."""
        sent_at, ask = self.asks[pick % len(self.asks)]
        if ask.seq > self.stored_seq:
            self.stored_seq = ask.seq
            kept = min(max(self.promised, ask.used_total), ask.want_total)
            self.promised = kept + (ask.want_total - kept) * share // 4
        answer = LeaseAnswer(
            lease_id="lease-1",
            seq=ask.seq,
            granted_total=self.promised,
            state=LeaseState.OPEN,
            is_scarce=share < 4,
        )
        if ask.seq == self.stored_seq:
            self.answers.append((sent_at, answer))

    @precondition(lambda self: self.answers)
    @rule(pick=PICK)
    def relay_hears(self, pick: int) -> None:
        sent_at, answer = self.answers[pick % len(self.answers)]
        if self.lease.apply(answer):
            assert answer.seq == self.lease.seq
            self.heard_sent_at = sent_at

    @rule(units=UNITS)
    def hold(self, units: int) -> None:
        room = self.lease.room_units
        is_held = self.lease.try_hold(units, self.now)
        assert is_held == (room >= units and self.now < self.heard_sent_at + 600)
        if is_held:
            self.holds.append(units)

    @precondition(lambda self: self.holds)
    @rule(pick=PICK, share=st.integers(0, 5))
    def settle(self, pick: int, share: int) -> None:
        held = self.holds.pop(pick % len(self.holds))
        used = held * share // 4
        self.excess += max(0, used - held)
        self.used += used
        self.lease.settle(held, used, self.now)

    @invariant()
    def totals_agree(self) -> None:
        assert self.lease.used_total == self.used
        assert self.lease.held_units == sum(self.holds)

    @invariant()
    def what_the_relay_may_spend_is_set_aside(self) -> None:
        under_way = [ask.want_total for _, ask in self.asks if ask.seq > self.stored_seq]
        floor = min([self.promised, *under_way])
        spendable = max(self.lease.granted_total, self.used + sum(self.holds))
        assert spendable <= floor + self.excess or self.lease.granted_total <= floor


LeaseModel.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLeaseModel = LeaseModel.TestCase


def test_a_lease_lapses_ten_minutes_after_its_last_heartbeat_was_sent() -> None:
    lease = new_lease()
    assert not lease.try_hold(0, 0.0)
    lease.ask(waiting=(), now=10.0)
    assert answered(lease, 500)
    assert lease.try_hold(1, 609.9)
    assert not lease.try_hold(1, 610.0)


def test_an_older_answer_is_ignored() -> None:
    lease = new_lease()
    lease.ask(waiting=(), now=0)
    older = LeaseAnswer(lease_id="lease-1", seq=1, granted_total=900, state=LeaseState.OPEN)
    lease.ask(waiting=(), now=1)
    assert not lease.apply(older)
    assert lease.granted_total == 0
    other = LeaseAnswer(lease_id="lease-2", seq=2, granted_total=900, state=LeaseState.OPEN)
    assert not lease.apply(other)


def test_what_an_ask_gives_back_is_given_up_at_once() -> None:
    """Billing may free it before its answer comes, or the answer may never come."""
    lease = new_lease()
    lease.ask(waiting=[900], now=0)
    answered(lease, 1_200)
    lease.ask(waiting=(), now=100)
    assert lease.granted_total == 0, "idle for longer than a minute: no reserve"
    assert not lease.try_hold(1, 100)


def test_the_reserve_follows_a_minute_of_spend_and_fades() -> None:
    lease = new_lease()
    lease.ask(waiting=[10], now=0)
    answered(lease, 10**6)
    assert lease.reserve_units(0) == 300
    for second in range(300):
        assert lease.try_hold(10, second)
        lease.settle(10, 10, second)
    assert 500 <= lease.reserve_units(300) <= 620
    assert lease.reserve_units(350) < lease.reserve_units(300)
    assert lease.reserve_units(361) == 0


def test_a_scarce_subject_keeps_no_reserve_and_asks_often() -> None:
    lease = new_lease()
    lease.ask(waiting=(), now=0)
    answered(lease, 0, scarce=True)
    assert lease.reserve_units(0) == 0
    assert not lease.runs_low(0)
    assert lease.due_at() == 0.5
    lease.ask(waiting=(), now=1)
    answered(lease, 300)
    assert lease.due_at() == 6.0
    assert not lease.runs_low(1)
    assert lease.try_hold(200, 1)
    assert lease.runs_low(1)


def test_a_lease_is_idle_with_nothing_in_flight_for_long() -> None:
    lease = new_lease()
    lease.ask(waiting=(), now=0)
    answered(lease, 300)
    assert lease.try_hold(5, 0)
    assert not lease.is_idle(10_000)
    lease.settle(5, 5, 10)
    assert not lease.is_idle(610)
    assert lease.is_idle(611)


def test_a_close_states_what_was_used_and_asks_for_nothing() -> None:
    lease = new_lease()
    lease.ask(waiting=(), now=0)
    answered(lease, 300)
    assert lease.try_hold(5, 0)
    lease.settle(5, 7, 0)
    ask = lease.ask(waiting=(), now=1, close=True)
    assert (ask.used_total, ask.need_total, ask.want_total, ask.close) == (7, 7, 7, True)
