"""What two services say was used in an hour, and by how much they may differ. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from operations.reconcile.gaps import Gap


class Place(NamedTuple):
    """What usage and `quota_data` are both told by."""

    hour: int
    """Unix seconds of its beginning."""
    user_id: int
    model: str

    @property
    def subject(self) -> str:
        """As a gap names it."""
        return f"user {self.user_id}, model {self.model!r}, hour {self.hour}"


class Told(NamedTuple):
    """Quota units, net of what was given back."""

    quota_data: int
    usage: int


class Bounds(NamedTuple):
    """How far usage may lie below `quota_data`, and above it."""

    below: int = 0
    above: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """What logging did not take any more, since its time was deleted.

    `log_refused` knows hours and workspaces: who was charged there then may lack it, and an hour
    lacks no more in all. Not exactly so much: an event that comes twice is refused twice.
    """

    places: Mapping[Place, Bounds] = field(default_factory=dict)
    hours: Mapping[int, int] = field(default_factory=dict)
    """Units of an hour."""


def usage_gaps(
    told: Mapping[Place, Told], on_its_way: Mapping[Place, int], refused: Refused
) -> Iterator[Gap]:
    """The places of `told` that nothing explains.

    `on_its_way`: what only one of the two has applied yet; above zero it is billing.
    """
    missing = {
        place: each.quota_data - each.usage - on_its_way.get(place, 0)
        for place, each in told.items()
    }
    of_hours: defaultdict[int, int] = defaultdict(int)
    for place, units in missing.items():
        of_hours[place.hour] += units
    for place, units in missing.items():
        bounds = refused.places.get(place, Bounds())
        is_explained = -bounds.above <= units <= bounds.below
        if units and not (
            is_explained and of_hours[place.hour] <= refused.hours.get(place.hour, 0)
        ):
            yield Gap(place.subject, _what(told[place], on_its_way.get(place, 0), bounds))


def _what(told: Told, on_its_way: int, bounds: Bounds) -> str:
    beside = ""
    if on_its_way:
        beside += f"; {on_its_way} is on its way to usage"
    if bounds.below:
        beside += f"; {bounds.below} may have been refused"
    if bounds.above:
        beside += f"; {bounds.above} given back may have been refused"
    return f"quota_data has {told.quota_data}, usage {told.usage}{beside}"
