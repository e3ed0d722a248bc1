"""The promise of leases, against any order of messages: admitted holds never exceed what there is.

Each request is held of three subjects, its key, a budget and its account, all or none. Both halves
are the real ones: `services.billing` grants, `services.relay.leasing` spends. The network between
them loses, repeats and reorders; money comes in, is given back and expires; the key's limit is set
anew whenever it likes, the budget's period ends whenever it likes, and relays die in the middle.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.billing.leases.desk import LeaseDesk, Standing
from services.billing.leases.granting import Lease as StoredLease
from services.billing.leases.granting import LeaseRow, SubjectFigures, charged
from services.billing.leases.subjects import Subject, account, budget, key, parse_subject
from services.relay.leases.leasing import Lease, LeaseLimits
from shared.leases.protocol import LeaseAnswer, LeaseAsk

UNITS = st.integers(0, 100)
HOLDERS = 3
INDEX = st.integers(0, HOLDERS - 1)
PICK = st.integers(0, 1_000_000)
ACCOUNT = account(1)
KEY = key(7)
BUDGET = budget(3)
SUBJECTS = (KEY, BUDGET, ACCOUNT)
"""In the order in which a relay holds of them."""
ANY_SUBJECT = st.sampled_from(SUBJECTS)
LIMITS = LeaseLimits(first_reserve_units=40, validity_s=1e9)
LAST_SEQ = 2**62
"""What whoever recovers a dead relay's journal numbers its close with."""


def _lease_id(index: int, subject: Subject) -> str:
    return f"{subject.kind.value}-{index}"


@dataclass
class Holder:
    """One relay's leases, and what is true of its requests."""

    leases: dict[Subject, Lease]
    halves: list[int] = field(default_factory=list)
    """Held of the key and the budget, and not of the account yet."""
    holds: list[int] = field(default_factory=list)
    charged_total: int = 0
    excess_total: int = 0
    is_closed: bool = False

    def spent(self, subject: Subject) -> int:
        lease = self.leases[subject]
        return lease.used_total + lease.held_units


class Leases(RuleBasedStateMachine):
    """One account, one key and one budget of it; a lease of each on three relays."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.figures = {subject: SubjectFigures() for subject in SUBJECTS}
        self.clock = 0.0
        self.rows: dict[str, LeaseRow] = {}
        self.holders = [
            Holder(
                {
                    subject: Lease(
                        lease_id=_lease_id(n, subject), subject=str(subject), limits=LIMITS, now=0.0
                    )
                    for subject in SUBJECTS
                }
            )
            for n in range(HOLDERS)
        ]
        self.asks: list[tuple[int, LeaseAsk]] = []
        self.answers: list[tuple[int, LeaseAnswer]] = []
        self.events: list[tuple[int, int]] = []
        self.came = dict.fromkeys(SUBJECTS, 0)
        """What may be spent in all: topped up, or the limit, or each period's amount."""
        self.floor = dict.fromkeys(SUBJECTS, 0)
        """Below zero where a limit was set to less than leases held at that moment."""
        self.amount = 0
        self.refundable = 0
        """Charged, and not given back."""
        self.completed = 0
        self.excess = 0

    @initialize(units=UNITS, remain=UNITS, amount=UNITS)
    def begin(self, units: int, remain: int, amount: int) -> None:
        self.top_up(units + 50)
        self.set_quota(remain + 50)
        self.amount = amount + 50
        self.end_the_period()

    # -- Money -----------------------------------------------------------------------------------

    @rule(units=UNITS)
    def top_up(self, units: int) -> None:
        self.came[ACCOUNT] += units
        self._move(ACCOUNT, units)

    @rule(remain=UNITS)
    def set_quota(self, remain: int) -> None:
        """The limit is what was charged, and what may be spent from now on."""
        before = self.figures[KEY]
        self.came[KEY] += remain - before.balance_units
        self.figures[KEY] = after = replace(before, balance_units=remain)
        self.floor[KEY] = min(0, after.available_units)

    @rule()
    def end_the_period(self) -> None:
        """Nothing is spent of the new one yet; what leases hold they hold of it."""
        before = self.figures[BUDGET]
        self.came[BUDGET] += self.amount - before.balance_units
        self.figures[BUDGET] = after = replace(before, balance_units=self.amount)
        self.floor[BUDGET] = min(0, after.available_units)

    @rule(amount=UNITS)
    def set_the_amount(self, amount: int) -> None:
        before = self.figures[BUDGET]
        self.came[BUDGET] += amount - self.amount
        self._move(BUDGET, amount - self.amount)
        self.amount = amount
        if before.balance_units > self.figures[BUDGET].balance_units:
            self.floor[BUDGET] = min(self.floor[BUDGET], self.figures[BUDGET].available_units)

    @precondition(lambda self: self.refundable > 0)
    @rule(units=UNITS)
    def refund(self, units: int) -> None:
        """Given back everywhere: it is there to be spent again."""
        units = min(units, self.refundable)
        self.refundable -= units
        for subject in SUBJECTS:
            self.came[subject] += units
            self._move(subject, units)

    @rule(units=UNITS)
    def expire(self, units: int) -> None:
        """Of a grant: never what leases hold."""
        units = min(units, max(0, self.figures[ACCOUNT].available_units))
        self.came[ACCOUNT] -= units
        self._move(ACCOUNT, -units)

    @precondition(lambda self: self.events)
    @rule(pick=PICK)
    def charge(self, pick: int) -> None:
        self._charge(*self.events.pop(pick % len(self.events)))

    def _charge(self, index: int, quota: int) -> None:
        self.holders[index].charged_total += quota
        self.refundable += quota
        for subject in SUBJECTS:
            self._move(subject, -quota)
            row = self._row(index, subject)
            self.figures[subject], lease = charged(self.figures[subject], row.lease, quota)
            self.rows[row.lease_id] = replace(row, lease=lease)

    def _move(self, subject: Subject, units: int) -> None:
        before = self.figures[subject]
        self.figures[subject] = replace(before, balance_units=before.balance_units + units)

    def _row(self, index: int, subject: Subject) -> LeaseRow:
        lease_id = _lease_id(index, subject)
        unknown = LeaseRow(
            lease_id=lease_id, relay_id="", subject=subject, workspace_id=1, lease=StoredLease()
        )
        return self.rows.get(lease_id, unknown)

    # -- Relays ----------------------------------------------------------------------------------

    @rule(index=INDEX, subject=ANY_SUBJECT, waiting=st.lists(UNITS, max_size=2))
    def ask(self, index: int, subject: Subject, waiting: list[int]) -> None:
        holder = self.holders[index]
        if not holder.is_closed:
            lease = holder.leases[subject]
            self.asks.append((index, lease.ask(waiting=waiting, now=self.clock)))

    @rule(index=INDEX, waiting=st.lists(UNITS, max_size=2))
    def ask_and_hear(self, index: int, waiting: list[int]) -> None:
        """What happens nearly always: nothing is lost."""
        holder = self.holders[index]
        if not holder.is_closed:
            for lease in holder.leases.values():
                lease.apply(self._deliver(index, lease.ask(waiting=waiting, now=self.clock)))

    @rule(index=INDEX, units=UNITS)
    def admit(self, index: int, units: int) -> None:
        self.hold_of_the_key_and_the_budget(index, units)
        self.hold_of_the_account(index)

    @rule(index=INDEX)
    def admit_all_there_is_room_for(self, index: int) -> None:
        rooms = (lease.room_units for lease in self.holders[index].leases.values())
        self.admit(index, max(0, min(rooms)))

    @rule(index=INDEX, units=UNITS)
    def hold_of_the_key_and_the_budget(self, index: int, units: int) -> None:
        """The first half of an admission; it may have to wait for the second."""
        holder = self.holders[index]
        if holder.is_closed or not holder.leases[KEY].try_hold(units, self.clock):
            return
        if holder.leases[BUDGET].try_hold(units, self.clock):
            holder.halves.append(units)
        else:
            holder.leases[KEY].settle(units, 0, self.clock)

    @rule(index=INDEX)
    def hold_of_the_account(self, index: int) -> None:
        """The second half; where it fails, the first is given back."""
        holder = self.holders[index]
        if not holder.halves:
            return
        units = holder.halves.pop()
        if holder.leases[ACCOUNT].try_hold(units, self.clock):
            holder.holds.append(units)
        else:
            self._give_back(holder, units)

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
        units = holder.holds.pop(0)
        for lease in holder.leases.values():
            lease.settle(units, quota, self.clock)
        self.completed += quota
        self.events.append((index, quota))

    def _give_back(self, holder: Holder, units: int) -> None:
        for subject in (KEY, BUDGET):
            holder.leases[subject].settle(units, 0, self.clock)

    @rule(index=INDEX)
    def retire(self, index: int) -> None:
        """A relay closes leases that have nothing in flight."""
        holder = self.holders[index]
        if not holder.holds and not holder.halves:
            holder.is_closed = True
            for lease in holder.leases.values():
                self.asks.append((index, lease.ask(waiting=(), now=self.clock, close=True)))

    @rule(index=INDEX)
    def die(self, index: int) -> None:
        """Whoever finds the journal closes; what was in flight is interrupted, at 0."""
        holder = self.holders[index]
        while holder.halves:
            self._give_back(holder, holder.halves.pop())
        while holder.holds:
            units = holder.holds.pop()
            for lease in holder.leases.values():
                lease.settle(units, 0, self.clock)
        holder.is_closed = True
        for lease in holder.leases.values():
            ask = LeaseAsk(
                lease_id=lease.lease_id,
                subject=lease.subject,
                seq=LAST_SEQ,
                used_total=lease.used_total,
                need_total=lease.used_total,
                want_total=lease.used_total,
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
        subject = parse_subject(ask.subject)
        assert subject is not None
        standings = {s: Standing(figures, 1) for s, figures in self.figures.items()}
        desk = LeaseDesk(f"relay {index}", self.now, standings, self.rows)
        before = self.rows.get(ask.lease_id)
        answer = desk.answer(ask)
        assert desk.changed_subjects.keys() <= {subject}
        self.figures |= desk.changed_subjects
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
            for lease in self.holders[index].leases.values():
                lease.apply(answer)  # which passes over what is another's

    @rule(seconds=st.integers(1, 10))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.clock += seconds

    # -- What must hold --------------------------------------------------------------------------

    @invariant()
    def sums_agree(self) -> None:
        for subject, figures in self.figures.items():
            stored = [row.lease for row in self.rows.values() if row.subject == subject]
            assert figures.held_units == sum(lease.held_units for lease in stored)
            assert figures.uncharged_units == sum(lease.uncharged_units for lease in stored)

    @invariant()
    def nothing_is_held_that_was_not_there(self) -> None:
        for subject, figures in self.figures.items():
            assert figures.available_units >= self.floor[subject] - self.excess

    @invariant()
    def billing_holds_what_each_relay_spends(self) -> None:
        for index, holder in enumerate(self.holders):
            for subject, at_relay in holder.leases.items():
                lease = self._row(index, subject).lease
                if lease.is_open:
                    assert lease.granted_total >= at_relay.granted_total
                spent = holder.spent(subject) - holder.charged_total
                assert lease.held_units >= spent - holder.excess_total

    @invariant()
    def every_admitted_hold_is_covered(self) -> None:
        under_way = sum(quota for _, quota in self.events)
        for subject, figures in self.figures.items():
            in_flight = sum(holder.leases[subject].held_units for holder in self.holders)
            left = figures.balance_units - under_way - in_flight
            assert left >= self.floor[subject] - self.excess

    @invariant()
    def each_balance_is_what_came_less_what_was_charged(self) -> None:
        under_way = sum(quota for _, quota in self.events)
        for subject, figures in self.figures.items():
            assert figures.balance_units == self.came[subject] - self.completed + under_way

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
        for figures in self.figures.values():
            assert (figures.held_units, figures.uncharged_units) == (0, 0)
        self.sums_agree()
        self.each_balance_is_what_came_less_what_was_charged()
        self.every_admitted_hold_is_covered()


Leases.TestCase.settings = settings(
    max_examples=300,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestLeases = Leases.TestCase
