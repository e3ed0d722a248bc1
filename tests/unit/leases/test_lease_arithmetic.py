"""The promise of leases, against any order of messages: admitted holds never exceed the balance.

Both halves are the real ones: `services.billing` grants, `services.relay.leasing` spends. The
network between them loses, repeats and reorders.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.billing.desk import LeaseDesk
from services.billing.granting import AccountFigures, LeaseRow, charged
from services.billing.granting import Lease as StoredLease
from services.relay.leasing import Lease, LeaseLimits
from shared.leases.protocol import LeaseAnswer, LeaseAsk

UNITS = st.integers(0, 100)
HOLDERS = 3
INDEX = st.integers(0, HOLDERS - 1)
PICK = st.integers(0, 1_000_000)
SUBJECT = "account:1"
LIMITS = LeaseLimits(first_reserve_units=40, validity_s=1e9)
LAST_SEQ = 2**62
"""What whoever recovers a dead relay's journal numbers its close with."""


@dataclass
class Holder:
    """One relay's lease, and what is true of its requests."""

    lease: Lease
    holds: list[int] = field(default_factory=list)
    charged_total: int = 0
    excess_total: int = 0
    is_closed: bool = False

    @property
    def spent(self) -> int:
        return self.lease.used_total + self.lease.held_units


class Leases(RuleBasedStateMachine):
    """One account; three leases on as many relays."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.account = AccountFigures()
        self.clock = 0.0
        self.rows: dict[str, LeaseRow] = {}
        self.holders = [
            Holder(Lease(lease_id=f"l{n}", subject=SUBJECT, limits=LIMITS, now=0.0))
            for n in range(HOLDERS)
        ]
        self.asks: list[tuple[int, LeaseAsk]] = []
        self.answers: list[tuple[int, LeaseAnswer]] = []
        self.events: list[tuple[int, int]] = []
        self.topped_up = 0
        self.completed = 0
        self.excess = 0

    @initialize(units=UNITS)
    def begin(self, units: int) -> None:
        self.top_up(units + 50)

    # -- Money -----------------------------------------------------------------------------------

    @rule(units=UNITS)
    def top_up(self, units: int) -> None:
        self.topped_up += units
        self.account = replace(self.account, balance_units=self.account.balance_units + units)

    @precondition(lambda self: self.events)
    @rule(pick=PICK)
    def charge(self, pick: int) -> None:
        self._charge(*self.events.pop(pick % len(self.events)))

    def _charge(self, index: int, quota: int) -> None:
        self.holders[index].charged_total += quota
        account = replace(self.account, balance_units=self.account.balance_units - quota)
        row = self._row(index)
        self.account, lease = charged(account, row.lease, quota)
        self.rows[row.lease_id] = replace(row, lease=lease)

    def _row(self, index: int) -> LeaseRow:
        lease_id = f"l{index}"
        unknown = LeaseRow(lease_id=lease_id, relay_id="", workspace_id=1, lease=StoredLease())
        return self.rows.get(lease_id, unknown)

    # -- Relays ----------------------------------------------------------------------------------

    @rule(index=INDEX, waiting=st.lists(UNITS, max_size=2))
    def ask(self, index: int, waiting: list[int]) -> None:
        holder = self.holders[index]
        if not holder.is_closed:
            self.asks.append((index, holder.lease.ask(waiting=waiting, now=self.clock)))

    @rule(index=INDEX, waiting=st.lists(UNITS, max_size=2))
    def ask_and_hear(self, index: int, waiting: list[int]) -> None:
        """What happens nearly always: nothing is lost."""
        holder = self.holders[index]
        if not holder.is_closed:
            holder.lease.apply(
                self._deliver(index, holder.lease.ask(waiting=waiting, now=self.clock))
            )

    @rule(index=INDEX, units=UNITS)
    def admit(self, index: int, units: int) -> None:
        self._admit(index, units)

    @rule(index=INDEX)
    def admit_all_there_is_room_for(self, index: int) -> None:
        self._admit(index, max(0, self.holders[index].lease.room_units))

    def _admit(self, index: int, units: int) -> None:
        holder = self.holders[index]
        if not holder.is_closed and holder.lease.try_hold(units, self.clock):
            holder.holds.append(units)

    @rule(index=INDEX, used=UNITS)
    def complete(self, index: int, used: int) -> None:
        holder = self.holders[index]
        if holder.holds:
            self._complete(index, min(used, holder.holds[0]))

    @rule(index=INDEX, excess=st.integers(1, 9))
    def complete_beyond_the_hold(self, index: int, excess: int) -> None:
        holder = self.holders[index]
        if holder.holds:
            self.excess += excess
            holder.excess_total += excess
            self._complete(index, holder.holds[0] + excess)

    def _complete(self, index: int, quota: int) -> None:
        holder = self.holders[index]
        holder.lease.settle(holder.holds.pop(0), quota, self.clock)
        self.completed += quota
        self.events.append((index, quota))

    @rule(index=INDEX)
    def retire(self, index: int) -> None:
        """A relay closes a lease that has nothing in flight."""
        holder = self.holders[index]
        if not holder.holds:
            holder.is_closed = True
            ask = holder.lease.ask(waiting=(), now=self.clock, close=True)
            self.asks.append((index, ask))

    @rule(index=INDEX)
    def die(self, index: int) -> None:
        """Whoever finds the journal closes; what was in flight is interrupted, at 0."""
        holder = self.holders[index]
        while holder.holds:
            holder.lease.settle(holder.holds.pop(), 0, self.clock)
        holder.is_closed = True
        used = holder.lease.used_total
        ask = LeaseAsk(
            lease_id=holder.lease.lease_id,
            subject=SUBJECT,
            seq=LAST_SEQ,
            used_total=used,
            need_total=used,
            want_total=used,
            close=True,
        )
        self.asks.append((index, ask))

    # -- The network -----------------------------------------------------------------------------

    @precondition(lambda self: self.asks)
    @rule(pick=PICK, is_repeated=st.booleans(), is_lost=st.booleans())
    def deliver(self, pick: int, *, is_repeated: bool, is_lost: bool) -> None:
        at = pick % len(self.asks)
        index, ask = self.asks[at] if is_repeated else self.asks.pop(at)
        if not is_lost:
            self._deliver(index, ask)

    @precondition(lambda self: self.asks)
    @rule()
    def repeat_all(self) -> None:
        """Everything under way arrives, the last first, and once more later."""
        for index, ask in reversed(self.asks):
            self._deliver(index, ask)

    def _deliver(self, index: int, ask: LeaseAsk) -> LeaseAnswer:
        desk = LeaseDesk(f"relay {index}", self.now, {1: self.account}, self.rows)
        before = self.rows.get(ask.lease_id)
        answer = desk.answer(ask)
        self.account = desk.changed_accounts.get(1, self.account)
        self.rows |= desk.changed_leases
        self.answers.append((index, answer))
        if before is not None and not before.lease.is_open:
            assert self.rows[ask.lease_id] == before, "a close is final"
        return answer

    @precondition(lambda self: self.answers)
    @rule(pick=PICK, is_repeated=st.booleans(), is_lost=st.booleans())
    def hear(self, pick: int, *, is_repeated: bool, is_lost: bool) -> None:
        at = pick % len(self.answers)
        index, answer = self.answers[at] if is_repeated else self.answers.pop(at)
        if not is_lost:
            self.holders[index].lease.apply(answer)

    @rule(seconds=st.integers(1, 10))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.clock += seconds

    # -- What must hold --------------------------------------------------------------------------

    @invariant()
    def sums_agree(self) -> None:
        stored = [row.lease for row in self.rows.values()]
        assert self.account.held_units == sum(lease.held_units for lease in stored)
        assert self.account.uncharged_units == sum(lease.uncharged_units for lease in stored)

    @invariant()
    def nothing_is_held_that_was_not_there(self) -> None:
        assert self.account.available_units >= -self.excess

    @invariant()
    def billing_holds_what_each_relay_spends(self) -> None:
        for index, holder in enumerate(self.holders):
            lease = self._row(index).lease
            if lease.is_open:
                assert lease.granted_total >= holder.lease.granted_total
            spent = holder.spent - holder.charged_total
            assert lease.held_units >= spent - holder.excess_total

    @invariant()
    def every_admitted_hold_is_covered(self) -> None:
        under_way = sum(quota for _, quota in self.events)
        in_flight = sum(holder.lease.held_units for holder in self.holders)
        assert self.account.balance_units - under_way - in_flight >= -self.excess

    @invariant()
    def the_balance_is_what_came_less_what_was_charged(self) -> None:
        under_way = sum(quota for _, quota in self.events)
        assert self.account.balance_units == self.topped_up - self.completed + under_way

    def teardown(self) -> None:
        for index in range(HOLDERS):
            self.die(index)
        for index, ask in list(self.asks):
            if ask.close:
                self._deliver(index, ask)
        while self.events:
            self._charge(*self.events.pop())
        for index, ask in self.asks:
            self._deliver(index, ask)
        assert self.account.held_units == 0
        assert self.account.uncharged_units == 0
        self.sums_agree()
        self.the_balance_is_what_came_less_what_was_charged()
        self.every_admitted_hold_is_covered()


Leases.TestCase.settings = settings(
    max_examples=300,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestLeases = Leases.TestCase
