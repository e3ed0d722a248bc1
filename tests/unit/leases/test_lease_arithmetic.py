"""The promise of leases, against any order of messages: admitted holds never exceed the balance.

Billing's half is `services.billing.granting`, the real one. The relays here keep the contract of
`shared.leases.protocol` and nothing more; the network loses, repeats and reorders.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.billing.granting import AccountFigures, Ask, Lease, answer, charged

UNITS = st.integers(0, 100)
HOLDERS = 3
INDEX = st.integers(0, HOLDERS - 1)
PICK = st.integers(0, 1_000_000)


@dataclass
class Holder:
    """One relay's lease: what it believes, and what is true of its requests."""

    seq: int = 0
    granted_total: int = 0
    answered_seq: int = 0
    used_total: int = 0
    holds: list[int] = field(default_factory=list)
    unanswered: dict[int, int] = field(default_factory=dict)
    """Of each ask under way, what it wants at the most: the relay lives within that."""
    is_closed: bool = False
    charged_total: int = 0
    excess_total: int = 0

    @property
    def spent(self) -> int:
        return self.used_total + sum(self.holds)

    @property
    def limit(self) -> int:
        return min([self.granted_total, *self.unanswered.values()])

    def ask(self, waiting: int, reserve: int) -> Ask:
        self.seq += 1
        need = self.spent + waiting
        self.unanswered[self.seq] = need + reserve
        return Ask(
            seq=self.seq, used_total=self.used_total, need_total=need, want_total=need + reserve
        )

    def take(self, lease: Lease) -> None:
        if lease.seq <= self.answered_seq:
            return
        self.answered_seq = lease.seq
        self.granted_total = lease.granted_total
        self.unanswered = {s: w for s, w in self.unanswered.items() if s > lease.seq}


def _close(seq: int, used_total: int) -> Ask:
    return Ask(
        seq=seq, used_total=used_total, need_total=used_total, want_total=used_total, is_close=True
    )


class Leases(RuleBasedStateMachine):
    """One account; three leases on as many relays."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.account = AccountFigures()
        self.stored: dict[int, Lease] = {}
        self.holders = [Holder() for _ in range(HOLDERS)]
        self.asks: list[tuple[int, Ask]] = []
        self.answers: list[tuple[int, Lease]] = []
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
        self.account, self.stored[index] = charged(account, self.stored.get(index, Lease()), quota)

    # -- Relays ----------------------------------------------------------------------------------

    @rule(index=INDEX, waiting=UNITS, reserve=UNITS)
    def ask(self, index: int, waiting: int, reserve: int) -> None:
        holder = self.holders[index]
        if not holder.is_closed:
            self.asks.append((index, holder.ask(waiting, reserve)))

    @rule(index=INDEX, waiting=UNITS, reserve=UNITS)
    def ask_and_hear(self, index: int, waiting: int, reserve: int) -> None:
        """What happens nearly always: nothing is lost."""
        holder = self.holders[index]
        if not holder.is_closed:
            self._deliver(index, holder.ask(waiting, reserve))
            holder.take(self.stored[index])

    @rule(index=INDEX, share=st.integers(1, 2))
    def admit(self, index: int, share: int) -> None:
        holder = self.holders[index]
        hold = max(0, holder.limit - holder.spent) // share
        if hold > 0 and not holder.is_closed:
            holder.holds.append(hold)

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
        holder.holds.pop(0)
        holder.used_total += quota
        self.completed += quota
        self.events.append((index, quota))

    @rule(index=INDEX, is_by_another=st.booleans())
    def close(self, index: int, *, is_by_another: bool = False) -> None:
        """In order, or by whoever finds the journal: what was in flight is interrupted, at 0."""
        holder = self.holders[index]
        holder.holds.clear()
        holder.is_closed = True
        seq = 1 if is_by_another else holder.seq + 1
        self.asks.append((index, _close(seq, holder.used_total)))

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

    def _deliver(self, index: int, ask: Ask) -> None:
        before = self.stored.get(index, Lease())
        self.account, after = answer(self.account, before, ask, now=self.now)
        self.stored[index] = after
        self.answers.append((index, after))
        if not before.is_open:
            assert after == before, "a close is final"

    @precondition(lambda self: self.answers)
    @rule(pick=PICK, is_repeated=st.booleans(), is_lost=st.booleans())
    def hear(self, pick: int, *, is_repeated: bool, is_lost: bool) -> None:
        at = pick % len(self.answers)
        index, lease = self.answers[at] if is_repeated else self.answers.pop(at)
        if not is_lost:
            self.holders[index].take(lease)

    @rule(seconds=st.integers(1, 10))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # -- What must hold --------------------------------------------------------------------------

    @invariant()
    def sums_agree(self) -> None:
        assert self.account.held_units == sum(s.held_units for s in self.stored.values())
        assert self.account.uncharged_units == sum(s.uncharged_units for s in self.stored.values())

    @invariant()
    def nothing_is_held_that_was_not_there(self) -> None:
        assert self.account.available_units >= -self.excess

    @invariant()
    def billing_holds_what_each_relay_spends(self) -> None:
        for index, holder in enumerate(self.holders):
            lease = self.stored.get(index, Lease())
            if lease.is_open:
                assert lease.granted_total >= holder.limit
            spent = holder.spent - holder.charged_total
            assert lease.held_units >= spent - holder.excess_total

    @invariant()
    def every_admitted_hold_is_covered(self) -> None:
        under_way = sum(quota for _, quota in self.events)
        in_flight = sum(sum(holder.holds) for holder in self.holders)
        assert self.account.balance_units - under_way - in_flight >= -self.excess

    @invariant()
    def the_balance_is_what_came_less_what_was_charged(self) -> None:
        under_way = sum(quota for _, quota in self.events)
        assert self.account.balance_units == self.topped_up - self.completed + under_way

    def teardown(self) -> None:
        for index in range(HOLDERS):
            self.close(index)
        for index, ask in self.asks:
            if ask.is_close:
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
