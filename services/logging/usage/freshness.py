"""Up to when the figures are complete, and who keeps them from being more so. Pure.

Each relay says on `relay.health` up to when its events are on the topic. The earliest of these
times holds for the tables too, once all that was on the topic when it was taken has been applied.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shared.events.health import RelayMarked

UNKNOWN_RELAY_S: Final = 10
"""A relay that starts makes itself known within this time: what is younger is not vouched for."""
HELD_BACK_S: Final = 60
"""Who is further behind than this is named."""
LOGGING: Final = "logging"
"""Named where what is on the topic has not been applied for so long."""
_BEING_WRITTEN_S: Final = 1
"""From the moment that an event bears to the one at which its relay's mark knows of it."""
_MOST_WAITING: Final = 600


class Freshness(NamedTuple):
    """What an answer says of its own completeness."""

    complete_until: int
    """Unix seconds: every request that ended before this is in the figures. 0: not known yet."""
    held_back_by: tuple[str, ...] = ()
    """Ids of relays, and perhaps LOGGING, that are more than HELD_BACK_S behind."""
    kept_from: int = 0
    """Unix seconds: what was asked for of the time before is no longer kept. 0: all of it is."""


class Published(NamedTuple):
    """What the relays' marks say together."""

    until: int
    """Every event before this Unix second is on the topic."""
    held_back_by: tuple[str, ...]


def published(marks: Iterable[RelayMarked], *, now_s: float) -> Published:
    """The earliest of the relays that run; close to `now_s` where none does."""
    open_marks = [mark for mark in marks if not mark.closed]
    times = [mark.published_until.timestamp() - _BEING_WRITTEN_S for mark in open_marks]
    late = sorted(
        mark.relay_id
        for mark in open_marks
        if now_s - mark.published_until.timestamp() > HELD_BACK_S
    )
    return Published(int(min([now_s - UNKNOWN_RELAY_S, *times])), tuple(late))


class Waiting(NamedTuple):
    """A time that holds once the tables have everything below these offsets."""

    until: int
    ends: Mapping[int, int]
    """By partition of the topic."""
    noted_s: float


@dataclass(slots=True)
class Vouching:
    """Times that were taken from the marks, until the tables have caught up with each."""

    waiting: list[Waiting] = field(default_factory=list)

    def note(self, until: int, ends: Mapping[int, int], *, now_s: float) -> None:
        """A time, and the topic's ends that were asked for after it was taken."""
        self.waiting.append(Waiting(until, dict(ends), now_s))
        if len(self.waiting) > _MOST_WAITING:
            # The tables are minutes behind: then every other second is enough.
            self.waiting = self.waiting[::2]

    def reached(self, applied: Mapping[int, int]) -> int:
        """The latest time that holds with these watermarks; 0 where none does."""
        return max(
            (
                each.until
                for each in self.waiting
                if all(applied.get(partition, 0) >= end for partition, end in each.ends.items())
            ),
            default=0,
        )

    def forget(self, until: int) -> None:
        """Whatever is not later than a time that is known to hold."""
        self.waiting = [each for each in self.waiting if each.until > until]

    def is_late(self, *, now_s: float) -> bool:
        """Whether the tables have not had for long what is on the topic."""
        return bool(self.waiting) and now_s - self.waiting[0].noted_s > HELD_BACK_S
