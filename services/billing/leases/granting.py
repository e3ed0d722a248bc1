"""The arithmetic of leases. Pure: a subject, a lease and a message in, a subject and a lease out.

A subject is whose lease it is: an account, a key with a limit, or a budget. What a key may still
spend is its limit less what it has used, and a budget its amount less what was spent in its period:
that is its balance here, and all else is the same.

Every figure of a lease is a running total, so that messages and charges may come in any order:

    held by an open lease    granted − charged     (what the relay may still spend, or has spent)
    held by a closed one     used − charged        (spent, and the charge is on its way)
    subject.held             the sum of both, over all its leases
    what a lease may grow to charged + balance − what the other leases hold

`balance − held` never falls by anything here but a grant, and a grant never takes it below zero:
that is why admitted holds never exceed what was available.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.billing.leases.subjects import Subject

SHORTAGE_LASTS: Final = timedelta(seconds=6)
"""How long a subject remembers that somebody was short: a heartbeat (5 s) and a little, so that
every other holder hears of it in its next answer."""
_RESERVE_SHARE: Final = 8
"""A lease gets at most one part in so many of what is left, beyond its need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectFigures:
    """What of a subject decides over its leases, in quota units."""

    balance_units: int = 0
    held_units: int = 0
    """The sum of `Lease.held_units` over all leases of the subject."""
    uncharged_units: int = 0
    """The sum of `Lease.uncharged_units` over all leases of the subject."""
    short_until: datetime | None = None
    """Until then somebody waits for what others hold: nobody gets a reserve."""

    @property
    def available_units(self) -> int:
        """What nobody holds. Below zero after an excess or a forced release."""
        return self.balance_units - self.held_units

    @property
    def spendable_units(self) -> int:
        """The balance less what is used and not yet charged, whoever holds it."""
        return self.balance_units - self.uncharged_units


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One lease, and the flags of its last answer."""

    seq: int = 0
    granted_total: int = 0
    used_total: int = 0
    charged_total: int = 0
    is_open: bool = True
    is_short: bool = False
    is_scarce: bool = False

    @property
    def held_units(self) -> int:
        """What it holds of its subject's balance."""
        limit = self.granted_total if self.is_open else self.used_total
        return max(0, limit - self.charged_total)

    @property
    def uncharged_units(self) -> int:
        """What is used and not yet charged."""
        return max(0, self.used_total - self.charged_total)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """A lease and whose it is."""

    lease_id: str
    relay_id: str
    """Empty while only a charge has named the lease."""
    subject: Subject
    workspace_id: int
    """The subject's own workspace."""
    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One lease's message; see `shared.leases.protocol.LeaseAsk` for the totals."""

    seq: int
    used_total: int
    need_total: int
    want_total: int
    is_close: bool = False


def answer(
    figures: SubjectFigures, lease: Lease, ask: Ask, *, now: datetime
) -> tuple[SubjectFigures, Lease]:
    """Apply a message. One that is late or repeated changes nothing, and so does one after a close.

    A close counts whatever its `seq`: who closes for a dead relay does not know its last one.
    """
    if not lease.is_open:
        return figures, lease
    if ask.is_close:
        return _moved(figures, lease, _closed(lease, ask))
    if ask.seq <= lease.seq:
        return figures, lease
    return _granted(figures, lease, ask, now)


def charged(
    figures: SubjectFigures, lease: Lease, quota_units: int
) -> tuple[SubjectFigures, Lease]:
    """Count a charge against a lease, open or closed. The balance is not moved here."""
    return _moved(figures, lease, replace(lease, charged_total=lease.charged_total + quota_units))


def released(figures: SubjectFigures, lease: Lease) -> tuple[SubjectFigures, Lease, int]:
    """Take back by force what a lease holds; also answers the exposure, in quota units.

    The exposure is by how much the balance may fall below zero if what was taken back was used all
    the same. An open lease is closed, and goes on holding what its relay said it used; a closed one
    gives up that too, since its charge has not come.
    """
    if lease.is_open:
        after = replace(lease, is_open=False, is_short=False, is_scarce=False)
    else:
        after = replace(lease, used_total=min(lease.used_total, lease.charged_total))
    exposure = lease.held_units - after.held_units
    figures, lease = _moved(figures, lease, after)
    return figures, lease, exposure


def _closed(lease: Lease, ask: Ask) -> Lease:
    # Not the greater of the two: a journal that lost its disk's last moments says less than the
    # relay had said, and what it does not have will never be charged.
    return replace(
        lease,
        seq=max(lease.seq, ask.seq),
        used_total=ask.used_total,
        is_open=False,
        is_short=False,
        is_scarce=False,
    )


def _granted(
    figures: SubjectFigures, lease: Lease, ask: Ask, now: datetime
) -> tuple[SubjectFigures, Lease]:
    used = max(lease.used_total, ask.used_total)
    need = max(used, ask.need_total)
    want = max(need, ask.want_total)
    ceiling = lease.charged_total + max(0, figures.available_units + lease.held_units)
    # More is held than there is after a limit was lowered: what is not in use is asked back.
    is_contended = figures.available_units < 0 or (
        figures.short_until is not None and figures.short_until > now
    )

    # What is already granted may be in use: only the relay's own `want` takes it back. And what
    # was used beyond it is spent: it is held like the rest.
    kept = max(min(lease.granted_total, want), used)
    reserve = 0 if is_contended else min(want - need, max(0, ceiling - need) // _RESERVE_SHARE)
    granted = max(kept, need + reserve) if need <= ceiling else kept

    is_short = granted < need
    figures, after = _moved(
        figures,
        lease,
        replace(lease, seq=ask.seq, granted_total=granted, used_total=used, is_short=is_short),
    )
    if is_short and need - used <= figures.spendable_units:
        # Others hold what it needs, so they are asked to shrink. Where the balance itself is
        # short that would help nobody.
        figures = replace(figures, short_until=now + SHORTAGE_LASTS)
        is_contended = True
    return figures, replace(after, is_scarce=is_contended or is_short)


def _moved(figures: SubjectFigures, before: Lease, after: Lease) -> tuple[SubjectFigures, Lease]:
    return (
        replace(
            figures,
            held_units=figures.held_units + after.held_units - before.held_units,
            uncharged_units=figures.uncharged_units
            + after.uncharged_units
            - before.uncharged_units,
        ),
        after,
    )
