"""How many guesses at a password there are, and how long to wait after them. Pure.

Every attempt is counted before its password is looked at, as if it had failed; a success takes the
count back. So however many come at once, no more than the limit are ever tried.
"""

import hashlib
import ipaddress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

_IPV6_NETWORK_BITS: Final = 64
_FORGET: Final = timedelta(days=1)
_MAX_DOUBLINGS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutLimits:
    """How many failures there may be.

    A name is locked for `first_lock` at its `max_failures`-th failure, twice as long at each one
    after, up to `longest_lock`. An address may fail `address_failures` times in a window.
    """

    max_failures: int
    first_lock: timedelta
    longest_lock: timedelta
    address_failures: int
    address_window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is known of one name or one address; a row of `login_failures`."""

    failed_attempts: int
    first_failed_at: datetime
    last_failed_at: datetime
    locked_until: datetime | None = None


class Wait(NamedTuple):
    """No attempt now; the next one after so long."""

    retry_after: timedelta


def subject_of_name(folded_username: str) -> bytes:
    """What a name's failures are kept under."""
    return hashlib.sha256(f"name:{folded_username}".encode("utf-8", "surrogatepass")).digest()


def subject_of_address(address: str) -> bytes | None:
    """What an address's failures are kept under; None where it is not known.

    One customer of a provider has at least an IPv6 network of 64 bits, and so counts as one.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        network = ipaddress.ip_network((ip, _IPV6_NETWORK_BITS), strict=False)
        return hashlib.sha256(f"address:{network}".encode()).digest()
    plain = getattr(ip, "ipv4_mapped", None) or ip
    return hashlib.sha256(f"address:{plain}".encode()).digest()


def count_for_name(tally: Tally | None, *, now: datetime, limits: LockoutLimits) -> Tally | Wait:
    """One more attempt at a name. After a day without any the count begins anew."""
    if tally is not None and tally.locked_until is not None and now < tally.locked_until:
        return Wait(tally.locked_until - now)
    if tally is None or now >= tally.last_failed_at + _FORGET:
        tally = Tally(failed_attempts=0, first_failed_at=now, last_failed_at=now)
    attempts = tally.failed_attempts + 1
    beyond = attempts - limits.max_failures
    lock = min(limits.first_lock * 2 ** min(max(beyond, 0), _MAX_DOUBLINGS), limits.longest_lock)
    return replace(
        tally,
        failed_attempts=attempts,
        last_failed_at=now,
        locked_until=None if beyond < 0 else now + lock,
    )


def count_for_address(tally: Tally | None, *, now: datetime, limits: LockoutLimits) -> Tally | Wait:
    """One more attempt from an address.

    Windows are fixed and do not grow: behind one address there may be a whole office.
    """
    if tally is None or now >= tally.first_failed_at + limits.address_window:
        tally = Tally(failed_attempts=0, first_failed_at=now, last_failed_at=now)
    if tally.failed_attempts >= limits.address_failures:
        return Wait(tally.first_failed_at + limits.address_window - now)
    return replace(tally, failed_attempts=tally.failed_attempts + 1, last_failed_at=now)
