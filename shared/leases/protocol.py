"""What a relay and billing say to one another about leases: `POST /internal/leases`.

A lease is a running total, one for each subject and relay start. Every figure is a total since
the lease began, never a change: a message lost, repeated or reordered changes nothing. A message
whose `seq` is not above the stored one is answered with the stored answer.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.events.numbers import MAX_ID
from shared.events.text import Code

Total = Annotated[int, Field(ge=0, le=MAX_ID)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)


class LeaseAsk(_Message):
    """One lease's state at the relay, and what it would like."""

    lease_id: Code
    """Made by the relay: a UUIDv7."""
    subject: Code
    """`account:<workspace id>`, or `key:<key id>` for a key with a limit; a relay has at most one
    open lease for each."""
    seq: Annotated[int, Field(ge=1, le=MAX_ID)]
    """Grows with every message of this lease."""
    used_total: Total
    """Quota of the requests that completed under this lease."""
    need_total: Total
    """`used_total` + the holds in flight + the next hold that waits. Less than this helps nobody:
    billing then grants nothing new."""
    want_total: Total
    """`need_total` + what else waits + a reserve. Below the granted total: gives the rest back."""
    close: bool = False
    """Nothing is in flight and nothing will be: `used_total` is final."""


class LeaseAsks(_Message):
    """A batch: the heartbeat of one relay."""

    relay_id: Code
    leases: tuple[LeaseAsk, ...] = Field(max_length=10_000)


class LeaseState(StrEnum):
    """Whether a lease still admits."""

    OPEN = "open"
    CLOSED = "closed"


class LeaseAnswer(_Message):
    """Billing's answer for one lease, to the message `seq`."""

    lease_id: Code
    seq: int
    granted_total: Total
    """Room at the relay = granted_total − used − the holds in flight."""
    state: LeaseState
    is_short: bool = False
    """Less than `need_total` was granted."""
    is_scarce: bool = False
    """This one or others wait for what is held: hold no reserve, and ask often. A reserve that was
    merely cut to its share of what is left is not scarce."""
    spendable_units: int = 0
    """The balance (of a key: its limit less what it was charged) less what is used and not yet
    charged, whoever holds it: what a hold can be at the most. A hold above this is refused for want
    of balance (403), one below it may wait. For a key of which billing has not heard yet it is all
    that is wanted: the relay waits."""


class LeaseAnswers(_Message):
    """In the order of the asks."""

    leases: tuple[LeaseAnswer, ...]
