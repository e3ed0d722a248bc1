"""Whether a channel takes a request now. Pure: times are Unix seconds."""

from dataclasses import dataclass
from typing import Final

from shared.events.requests import ErrorCode
from shared.health.merging import FORGOTTEN_AFTER, Standing

_FORGOTTEN_AFTER_S: Final = FORGOTTEN_AFTER.total_seconds()


@dataclass(slots=True, kw_only=True)
class Gate:
    """What stands before a channel that is not simply well."""

    is_disabled: bool
    """No credential of it is left: not even for want of another channel."""
    rests_until: float
    needs_probe: bool
    """After the rest one request is let through at a time, until one has succeeded."""
    probes_from: float
    """Whoever found it broken tries first; the other relays a little later."""
    failures: int
    probe_until: float = 0.0
    """A probe is under way, or was lost."""

    def lets_through(self, now: float) -> bool:
        """Whether a request may go."""
        if self.is_disabled or now < self.rests_until:
            return False
        if not self.is_probing(now):
            return True
        return now >= max(self.probes_from, self.probe_until)

    def is_probing(self, now: float) -> bool:
        """Whether the next request finds out how the channel is."""
        since_s = now - self.rests_until
        return self.needs_probe and 0 <= since_s < _FORGOTTEN_AFTER_S


def gate_of(
    standing: Standing, *, is_disabled: bool, is_mine: bool, max_rest_s: float, now: float,
    delay_s: float,
) -> Gate | None:  # fmt: skip
    """The gate that a standing means; None: the channel is well.

    `is_mine`: this relay itself found it resting. `delay_s` is how long it leaves the first try to
    others where it did not. Clocks differ: nobody's word holds for longer than a rest can be.
    """
    if not is_disabled and standing.rests_until is None:
        return None
    until = 0.0
    if standing.rests_until is not None:
        until = min(standing.rests_until.timestamp(), now + max_rest_s)
    return Gate(
        is_disabled=is_disabled,
        rests_until=until,
        needs_probe=standing.is_resting and standing.reason is not ErrorCode.UPSTREAM_RATE_LIMITED,
        probes_from=until if is_mine else until + delay_s,
        failures=standing.consecutive_failures,
    )
