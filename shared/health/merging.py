"""What all relays together say of a channel. Pure.

Relays write each their own view and read the others'. A channel rests while any view says so.
A view is over when its rest has passed and some relay has found the channel well since, or when
nobody has said a word for `FORGOTTEN_AFTER`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from shared.events.health import ChannelHealthChanged, CredentialHealth, HealthState
from shared.events.requests import ErrorCode

FORGOTTEN_AFTER: Final = timedelta(minutes=10)


class Standing(NamedTuple):
    """How a channel does. Its credentials' part is told by `refused` alone."""

    reason: ErrorCode | None = None
    """Why it rests; null: it does not."""
    since: datetime | None = None
    rests_until: datetime | None = None
    """In the past: whoever comes next is let through to see whether it is well."""
    consecutive_failures: int = 0
    refused: Mapping[int, CredentialHealth] = {}
    """By the credential's id, the first refusal of each."""

    @property
    def is_resting(self) -> bool:
        """Whether it failed, and nobody has found it well again."""
        return self.rests_until is not None


def merge(
    views: Iterable[ChannelHealthChanged], *, reset_at: datetime | None, now: datetime
) -> Standing:
    """One standing from the newest view of each relay; what is not after `reset_at` is void."""
    live = [view for view in views if reset_at is None or view.changed_at > reset_at]
    refused = _refused(live, reset_at)
    well = [view.changed_at for view in live if view.state is HealthState.HEALTHY]
    resting = [view for view in live if not _is_over(view, max(well, default=None), now)]
    if not resting:
        return Standing(refused=refused)
    last = max(resting, key=_end)
    return Standing(
        reason=last.reason or ErrorCode.UPSTREAM_SERVER_ERROR,
        since=min(view.changed_at for view in resting),
        rests_until=last.rests_until,
        consecutive_failures=max(view.consecutive_failures for view in resting),
        refused=refused,
    )


def _end(view: ChannelHealthChanged) -> datetime:
    return view.rests_until or view.changed_at


def _is_over(view: ChannelHealthChanged, well_at: datetime | None, now: datetime) -> bool:
    if view.state is not HealthState.RESTING or view.rests_until is None:
        return True
    if now < view.rests_until:
        return False
    if view.reason is ErrorCode.UPSTREAM_RATE_LIMITED:
        return True  # it was never broken: there is nothing to find out
    if well_at is not None and well_at >= view.rests_until:
        return True
    return now - view.rests_until >= FORGOTTEN_AFTER


def _refused(
    views: Iterable[ChannelHealthChanged], reset_at: datetime | None
) -> dict[int, CredentialHealth]:
    refused: dict[int, CredentialHealth] = {}
    for view in views:
        for credential in view.refused_credentials:
            known = refused.get(credential.credential_id)
            if reset_at is not None and credential.since <= reset_at:
                continue
            if known is None or credential.since < known.since:
                refused[credential.credential_id] = credential
    return refused
