"""A lease as its relay keeps it. Pure: time comes in as a value, messages go out as values.

Room = granted_total − used_total − the holds in flight. Billing's half is
`services/billing/leases/granting.py`; what they say to one another, `shared/leases/protocol.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.leases.protocol import LeaseAnswer, LeaseAsk, LeaseState

SPEND_WINDOW_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLimits:
    """How a relay sizes and trusts its leases."""

    first_reserve_units: int = 500_000
    """What to hold ahead of need before there is a spend to go by: $1."""
    validity_s: float = 600.0
    """How long after the sending of the last acknowledged message a lease admits."""
    heartbeat_s: float = 5.0
    scarce_heartbeat_s: float = 0.5
    idle_close_s: float = 600.0


class Lease:
    """One lease. `now` is always the relay's clock, in seconds, that never goes back."""

    def __init__(self, *, lease_id: str, subject: str, limits: LeaseLimits, now: float) -> None:
        self.lease_id = lease_id
        self.subject = subject
        self._limits = limits
        self.granted_total = 0
        self.used_total = 0
        self.held_units = 0
        self.is_closed = False
        self.is_scarce = False
        self.spendable_units = 0
        self._reserve_cap: int | None = None
        self._wanted_total = 0
        self.seq = 0
        self.sent_at = -math.inf
        self._valid_until = -math.inf
        self._spend_units = 0.0
        self._spend_at = now
        self.active_at = now

    # --- requests -----------------------------------------------------------------------------

    @property
    def room_units(self) -> int:
        """What another request may set aside; below 0 after requests used more than they held."""
        return self.granted_total - self.used_total - self.held_units

    def try_hold(self, units: int, now: float) -> bool:
        """Set `units` aside for a request, if there is room and the lease may still be used."""
        if self.is_closed or now >= self._valid_until or self.room_units < units:
            return False
        self.held_units += units
        self.active_at = now
        return True

    def settle(self, held_units: int, used_units: int, now: float) -> None:
        """A request that held `held_units` has ended and used `used_units`; once for each hold."""
        self.held_units -= held_units
        self.used_total += used_units
        self._spend_units = self._recent_spend(now) + used_units
        self._spend_at = now
        self.active_at = now

    # --- messages -----------------------------------------------------------------------------

    def ask(self, *, waiting: Sequence[int], now: float, close: bool = False) -> LeaseAsk:
        """The next message. What it gives back is given up at once, whether it arrives or not."""
        if now >= self.due_at():
            self._reserve_cap = None  # a heartbeat asks for all that it would like
        in_use = self.used_total + self.held_units
        need = in_use + (waiting[0] if waiting else 0)
        want = in_use if close else in_use + sum(waiting) + self.reserve_units(now)
        self.granted_total = min(self.granted_total, max(want, in_use))
        self.seq += 1
        self.sent_at = now
        self._wanted_total = max(want, need)
        return LeaseAsk(
            lease_id=self.lease_id,
            subject=self.subject,
            seq=self.seq,
            used_total=self.used_total,
            need_total=need,
            want_total=self._wanted_total,
            close=close,
        )

    def apply(self, answer: LeaseAnswer) -> bool:
        """Take billing's answer. False where it answers an older message: it is then ignored."""
        if answer.seq != self.seq or answer.lease_id != self.lease_id:
            return False
        if answer.state is LeaseState.CLOSED:
            self.is_closed = True
            return True
        self.granted_total = answer.granted_total
        if answer.granted_total < self._wanted_total:
            # Billing gives no more than a share of what is left: do not ask for it all the time.
            self._reserve_cap = max(0, self.room_units)
        self.is_scarce = answer.is_scarce
        self.spendable_units = answer.spendable_units
        # From the sending, not from the answer: billing counts from when it heard of us.
        self._valid_until = self.sent_at + self._limits.validity_s
        return True

    def reserve_units(self, now: float) -> int:
        """What to hold ahead of need: a minute of recent spend; nothing where it is scarce."""
        if self.is_scarce or now - self.active_at > SPEND_WINDOW_S:
            return 0
        wanted = max(self._limits.first_reserve_units, int(self._recent_spend(now)))
        return wanted if self._reserve_cap is None else min(wanted, self._reserve_cap)

    def runs_low(self, now: float) -> bool:
        """Whether to ask for more ahead of need."""
        # The reserve is never more than that: mostly there is nothing to reckon.
        if 2 * self.room_units >= max(self._limits.first_reserve_units, self._spend_units):
            return False
        return not self.is_scarce and self.room_units < self.reserve_units(now) // 2

    def due_at(self) -> float:
        """When the next heartbeat is due."""
        interval = self._limits.scarce_heartbeat_s if self.is_scarce else self._limits.heartbeat_s
        return self.sent_at + interval

    def is_idle(self, now: float) -> bool:
        """Whether it can be closed: nothing in flight, and nothing for long."""
        return self.held_units == 0 and now - self.active_at > self._limits.idle_close_s

    def _recent_spend(self, now: float) -> float:
        # A decaying sum: at a steady rate it is what SPEND_WINDOW_S seconds spend.
        return self._spend_units * math.exp((self._spend_at - now) / SPEND_WINDOW_S)
