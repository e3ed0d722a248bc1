"""What this relay itself found of its channels, from what became of its requests."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from services.relay.health.rules import (
    Condition,
    HealthLimits,
    after_failure,
    after_rate_limit,
    after_success,
    rate_limited_for_s,
)
from shared.events.health import ChannelHealthChanged, CredentialHealth, HealthState
from shared.events.requests import ErrorCode

_TICK_S: Final = 1e-5
_MAX_TOLD: Final = 50
_NOTHING: Final = Condition()


class Trial(NamedTuple):
    """One request that was sent to a channel."""

    channel_id: int
    credential_id: int
    """0: the one credential of a channel that names none."""
    began_at: float
    """Unix seconds."""
    is_probe: bool


@dataclass(slots=True)
class _Found:
    condition: Condition = _NOTHING
    refused: dict[int, CredentialHealth] = field(default_factory=dict)


class Findings:
    """By channel. What judges answers whether the others must hear of it."""

    def __init__(
        self, *, limits: HealthLimits, clock: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._chance = chance
        self._found: dict[int, _Found] = {}
        self._credential_rests: dict[tuple[int, int], float] = {}

    def __contains__(self, channel_id: int) -> bool:
        return channel_id in self._found

    @property
    def has_rests(self) -> bool:
        """Whether a 429 rests, or rested, any credential."""
        return bool(self._credential_rests)

    def condition(self, channel_id: int) -> Condition:
        """How this relay finds the channel."""
        found = self._found.get(channel_id)
        return _NOTHING if found is None else found.condition

    def refused(self, channel_id: int) -> dict[int, CredentialHealth]:
        """The credentials that this relay found refused."""
        found = self._found.get(channel_id)
        return {} if found is None else found.refused

    def not_resting(self, channel_id: int, credential_ids: list[int]) -> list[int]:
        """Those that no 429 rests now."""
        if not self._credential_rests:
            return credential_ids
        now, rests = self._clock(), self._credential_rests
        return [one for one in credential_ids if rests.get((channel_id, one), 0.0) <= now]

    def succeeded(self, trial: Trial, *, refutes: bool) -> bool:
        """It answered. `refutes`: another relay found it resting, and that rest was over."""
        found = self._found.setdefault(trial.channel_id, _Found())
        was_resting = found.condition.state is HealthState.RESTING
        if was_resting and trial.began_at < found.condition.changed_at:
            return False  # it began before the channel failed
        now = self._next_moment(found)
        found.condition = after_success(found.condition, now=now)
        if was_resting or refutes:
            found.condition = found.condition._replace(changed_at=now)
            return True
        return False

    def failed(
        self, trial: Trial, code: ErrorCode, *, known_failures: int, retry_after_s: float | None
    ) -> bool:
        """A failure of the channel's."""
        found = self._found.setdefault(trial.channel_id, _Found())
        return _is_new(
            found,
            after_failure(
                found.condition,
                code,
                now=self._next_moment(found),
                is_probe=trial.is_probe,
                known_failures=known_failures,
                retry_after_s=retry_after_s,
                limits=self._limits,
                random=self._chance(),
            ),
        )

    def rate_limited(
        self, trial: Trial, *, retry_after_s: float | None, left: Collection[int]
    ) -> bool:
        """429: the credential rests; the channel does where none of those `left` is without."""
        found = self._found.setdefault(trial.channel_id, _Found())
        now, rests = self._clock(), self._credential_rests
        for key in [key for key, until in rests.items() if until <= now]:
            del rests[key]
        length_s = rate_limited_for_s(retry_after_s, limits=self._limits, random=self._chance())
        key = (trial.channel_id, trial.credential_id)
        rests[key] = max(now + length_s, rests.get(key, 0.0))
        until = min(rests.get((trial.channel_id, one), 0.0) for one in {*left} or {key[1]})
        if until <= now:  # another credential can go on, so the channel itself is well
            return self.succeeded(trial, refutes=trial.is_probe)
        return _is_new(
            found,
            after_rate_limit(
                found.condition, now=self._next_moment(found), is_probe=trial.is_probe, until=until
            ),
        )

    def credential_refused(self, trial: Trial, code: ErrorCode) -> bool:
        """Its key is not good, or its balance is gone."""
        found = self._found.setdefault(trial.channel_id, _Found())
        if trial.credential_id in found.refused:
            return False
        now = self._next_moment(found)
        # Not validated: 0 stands for a credential without an id, and is never told.
        found.refused[trial.credential_id] = CredentialHealth.model_construct(
            credential_id=trial.credential_id, reason=code, since=_time(now)
        )
        found.condition = found.condition._replace(changed_at=now)
        return True

    def reset(self, channel_id: int, reset_at: datetime) -> bool:
        """A person says that what was found up to then no longer counts."""
        for key in [key for key in self._credential_rests if key[0] == channel_id]:
            del self._credential_rests[key]
        found = self._found.get(channel_id)
        if found is None or _time(found.condition.changed_at) > reset_at:
            return False
        was_well = found.condition.state is HealthState.HEALTHY and not found.refused
        found.condition = Condition(changed_at=self._next_moment(found))
        found.refused.clear()
        return not was_well

    def forget(self, channel_id: int) -> None:
        """The channel is gone."""
        self._found.pop(channel_id, None)

    def view(
        self, channel_id: int, *, relay_id: str, is_disabled: bool = False
    ) -> ChannelHealthChanged:
        """What the others are told. `is_disabled`: none of its credentials is left."""
        found = self._found.get(channel_id, _Found())
        condition, told = found.condition, [r for r in found.refused.values() if r.credential_id]
        is_resting = condition.state is HealthState.RESTING
        reason = condition.reason if is_resting else None
        if is_disabled:
            reason = next((refusal.reason for refusal in found.refused.values()), None)
        return ChannelHealthChanged(
            channel_id=channel_id,
            relay_id=relay_id,
            state=HealthState.DISABLED if is_disabled else condition.state,
            reason=reason,
            consecutive_failures=condition.failures,
            rests_until=_time(condition.rests_until) if is_resting else None,
            refused_credentials=tuple(told[:_MAX_TOLD]),
            changed_at=_time(condition.changed_at),
        )

    def _next_moment(self, found: _Found) -> float:
        """Now, and after the last change: which view of a relay is its newest is told by time."""
        return max(self._clock(), found.condition.changed_at + _TICK_S)


def _is_new(found: _Found, condition: Condition) -> bool:
    before, found.condition = found.condition, condition
    return condition.changed_at != before.changed_at


def _time(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
