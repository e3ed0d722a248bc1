"""What a request sets aside, why it may not be able to, and what keeping leases needs of others.

HoldError
├── BalanceShortError        the balance itself is short: 403
├── RoomHeldError            others hold what it needs: 429
└── BillingUnreachableError  nobody can say: 503
"""

from typing import NamedTuple, Protocol

from services.relay.leases.leasing import Lease
from shared.leases.protocol import LeaseAnswers, LeaseAsks


class HoldError(Exception):
    """No room could be had."""


class BalanceShortError(HoldError):
    """The balance itself is short of the hold."""

    def __init__(self, spendable_units: int) -> None:
        super().__init__()
        self.spendable_units = spendable_units


class RoomHeldError(HoldError):
    """The balance would do, but other requests hold it; it may be free in a moment."""


class BillingUnreachableError(HoldError):
    """Billing did not answer and the lease in hand has no room, or has lapsed."""


class LeaseExchange(Protocol):
    """Billing's `POST /internal/leases`."""

    async def exchange(self, asks: LeaseAsks) -> LeaseAnswers:
        """Raises InternalCallError."""


class LeaseJournal(Protocol):
    """Where leases are written down before billing hears of them."""

    def open_lease(self, lease_id: str, subject: str) -> None:
        """Before the first message."""

    def forget_lease(self, lease_id: str) -> None:
        """After billing acknowledged the close."""


class Hold(NamedTuple):
    """What a request has set aside. Settle it once."""

    lease: Lease
    units: int
    provider_id: int | None = None
    """Only what this provider serves is charged to it; null: whoever serves."""
