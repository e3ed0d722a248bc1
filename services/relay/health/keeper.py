"""What is known of the channels' health here: this relay's findings, and the other relays' views.

The way of a request asks twice: whether a channel takes it, and at its end what became of it. Both
cost a look into a dictionary as long as all is well.
"""

import random
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from services.relay.health.findings import Findings, Trial
from services.relay.health.gates import Gate, gate_of
from services.relay.health.rules import FAILURES, HealthLimits
from shared.events.health import ChannelHealthChanged, HealthState
from shared.events.requests import ErrorCode
from shared.events.routing import ChannelChanged, Status
from shared.health.merging import Standing, merge
from shared.health.refusals import CREDENTIAL_REFUSALS
from shared.telemetry.logs import get_logger

_logger = get_logger()
_NO_CREDENTIAL_NAMED: Final = frozenset({0})
# How long a relay leaves the first try to the one that found the channel broken.
_LEFT_TO_OTHERS_S: Final = (0.5, 2.5)


class ChannelHealth:
    """Kept by one relay, in memory. `changed` is called with a channel whose view is to be told."""

    def __init__(
        self,
        *,
        relay_id: str,
        limits: HealthLimits,
        changed: Callable[[int], None],
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._relay_id = relay_id
        self._limits = limits
        self._changed = changed
        self._clock = clock
        self._chance = chance
        self._findings = Findings(limits=limits, clock=clock, chance=chance)
        self._credentials: dict[int, frozenset[int]] = {}
        self._reset_at: dict[int, datetime] = {}
        self._others: dict[int, dict[str, ChannelHealthChanged]] = {}
        self._standings: dict[int, Standing] = {}
        self._gates: dict[int, Gate] = {}

    # --- the way of a request -----------------------------------------------------------------

    @property
    def gates(self) -> Mapping[int, Gate]:
        """By channel, what is not simply well; empty where all is."""
        return self._gates

    @property
    def is_all_well(self) -> bool:
        """Nothing is known against any channel or credential: `usable` would leave none out."""
        return not (self._gates or self._standings or self._findings.has_rests)

    def now(self) -> float:
        """Unix seconds, by the clock that gates go by."""
        return self._clock()

    def usable(
        self,
        channel_id: int,
        credential_ids: Collection[int],
        refused: Collection[tuple[int, int]],
    ) -> list[int]:
        """Of a channel's credentials those that may be used now.

        `refused`: channel and credential, not to be used again in this request.

        Where a 429 rests all that are left, all of them: better an answer than none.
        """
        standing = self._standings.get(channel_id)
        known: Collection[int] = standing.refused if standing is not None else ()
        left = [
            one for one in credential_ids if one not in known and (channel_id, one) not in refused
        ]
        return self._findings.not_resting(channel_id, left) or left

    def begin(self, channel_id: int, credential_id: int) -> Trial:
        """A request goes out. Say by `end` what became of it."""
        now = self._clock()
        gate = self._gates.get(channel_id)
        is_probe = gate is not None and gate.is_probing(now) and gate.lets_through(now)
        if gate is not None and is_probe:
            gate.probe_until = now + self._limits.probe_s
        return Trial(channel_id, credential_id, now, is_probe)

    def end(
        self, trial: Trial, code: ErrorCode | None, *, retry_after_s: float | None = None
    ) -> None:
        """What became of it; None: it answered, whole. A code of our own side: nobody knows."""
        channel_id, findings = trial.channel_id, self._findings
        gate = self._gates.get(channel_id)
        if code is None or code is ErrorCode.UPSTREAM_CLIENT_ERROR:
            if gate is None and channel_id not in findings:
                return
            refutes = gate is not None and gate.needs_probe and trial.began_at >= gate.rests_until
            is_news = findings.succeeded(trial, refutes=refutes)
        elif self._is_void(trial):
            return
        elif code in FAILURES:
            known = gate.failures if gate is not None else 0
            is_news = findings.failed(
                trial, code, known_failures=known, retry_after_s=retry_after_s
            )
        elif code is ErrorCode.UPSTREAM_RATE_LIMITED:
            left = self._credentials.get(channel_id, frozenset()) - self._refused(channel_id)
            is_news = findings.rate_limited(trial, retry_after_s=retry_after_s, left=left)
        else:
            is_news = code in CREDENTIAL_REFUSALS and findings.credential_refused(trial, code)
            if gate is not None and trial.is_probe:
                gate.probe_until = 0.0  # nothing was found out: the next one is a probe again
        if is_news:
            self._tell(channel_id)

    # --- what others say ----------------------------------------------------------------------

    def put_channel(self, changed: ChannelChanged) -> None:
        """The newest state of a channel: its credentials, and whether a person reset its health."""
        channel_id = changed.channel_id
        if changed.is_deleted:
            self._forget(channel_id)
            return
        self._credentials.pop(channel_id, None)
        if changed.status is Status.ENABLED:
            listed = changed.credentials
            self._credentials[channel_id] = (
                frozenset(c.credential_id for c in listed if c.status is Status.ENABLED)
                if listed
                else _NO_CREDENTIAL_NAMED
            )
        reset_at = changed.health_reset_at
        if reset_at is not None and reset_at != self._reset_at.get(channel_id):
            self._reset_at[channel_id] = reset_at
            if self._findings.reset(channel_id, reset_at):
                self._changed(channel_id)
        self._recompute(channel_id)

    def forget_channel(self, key: str) -> None:
        """A tombstone of `channel:<id>`; other kinds are not known here."""
        kind, _, number = key.partition(":")
        if kind == "channel" and number.isdigit():
            self._forget(int(number))

    def hear(self, view: ChannelHealthChanged) -> None:
        """A relay's view; one's own is known."""
        if view.relay_id != self._relay_id:
            self._others.setdefault(view.channel_id, {})[view.relay_id] = view
            self._recompute(view.channel_id)

    def forget_view(self, key: str) -> None:
        """A tombstone of `channel:<channel id>:<relay id>`."""
        kind, _, rest = key.partition(":")
        number, _, relay_id = rest.partition(":")
        if kind != "channel" or not number.isdigit():
            return
        if self._others.get(int(number), {}).pop(relay_id, None) is not None:
            self._recompute(int(number))

    # --- what others are told -----------------------------------------------------------------

    def view(self, channel_id: int) -> ChannelHealthChanged:
        """This relay's own view, to be published."""
        gate = self._gates.get(channel_id)
        return self._findings.view(
            channel_id, relay_id=self._relay_id, is_disabled=gate is not None and gate.is_disabled
        )

    def states(self) -> dict[int, HealthState]:
        """How each channel that is switched on does now, by all that is known."""
        return {channel_id: self._state(channel_id) for channel_id in self._credentials}

    # ------------------------------------------------------------------------------------------

    def _forget(self, channel_id: int) -> None:
        self._credentials.pop(channel_id, None)
        self._reset_at.pop(channel_id, None)
        self._others.pop(channel_id, None)
        self._findings.forget(channel_id)
        self._recompute(channel_id)

    def _state(self, channel_id: int) -> HealthState:
        gate = self._gates.get(channel_id)
        if gate is None:
            return HealthState.HEALTHY
        if gate.is_disabled:
            return HealthState.DISABLED
        now = self._clock()
        is_well = now >= gate.rests_until and not gate.is_probing(now)
        return HealthState.HEALTHY if is_well else HealthState.RESTING

    def _is_void(self, trial: Trial) -> bool:
        """It began before a person reset the channel."""
        reset_at = self._reset_at.get(trial.channel_id)
        return reset_at is not None and trial.began_at <= reset_at.timestamp()

    def _refused(self, channel_id: int) -> frozenset[int]:
        standing = self._standings.get(channel_id)
        return frozenset(standing.refused) if standing is not None else frozenset()

    def _tell(self, channel_id: int) -> None:
        self._recompute(channel_id)
        self._changed(channel_id)
        told = self._findings.view(channel_id, relay_id=self._relay_id)
        _logger.warning(
            "channel.health",
            channel_id=channel_id,
            state=told.state.value,
            reason=told.reason.value if told.reason else None,
            failures=told.consecutive_failures,
            rests_until=told.rests_until.isoformat() if told.rests_until else None,
            refused=[(c.credential_id, c.reason.value) for c in told.refused_credentials],
        )

    def _recompute(self, channel_id: int) -> None:
        now = self._clock()
        views = [*self._others.get(channel_id, {}).values()]
        if channel_id in self._findings:
            views.append(self._findings.view(channel_id, relay_id=self._relay_id))
        standing = merge(
            views, reset_at=self._reset_at.get(channel_id), now=datetime.fromtimestamp(now, UTC)
        )
        standing = standing._replace(
            refused={**standing.refused, **self._findings.refused(channel_id)}
        )
        credentials = self._credentials.get(channel_id)
        is_known = credentials is not None
        first_s, last_s = _LEFT_TO_OTHERS_S
        gate = gate_of(
            standing,
            is_disabled=is_known and all(one in standing.refused for one in credentials or ()),
            is_mine=self._findings.condition(channel_id).state is HealthState.RESTING,
            max_rest_s=self._limits.max_rest_s,
            now=now,
            delay_s=first_s + (last_s - first_s) * self._chance(),
        )
        self._standings.pop(channel_id, None)
        if standing.refused or standing.is_resting:
            self._standings[channel_id] = standing
        before = self._gates.pop(channel_id, None)
        if gate is not None:
            if before is not None and before.rests_until == gate.rests_until:
                gate.probe_until, gate.probes_from = before.probe_until, before.probes_from
            self._gates[channel_id] = gate
