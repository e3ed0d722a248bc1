"""How many rows there are, by what lists filter by and by time; and what they cost. Pure.

A *facet* leaves out what few ask for together, so that the usual questions touch few series. A
*grain* is the width of a bucket. Counting is adding: rows may come in any order, in any parts, and
what was counted with sign 1 goes away with sign -1.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

from services.logging.buckets import Grain
from services.logging.rows.rows import LogRow, LogType


class Facet(IntEnum):
    """What a series tells apart. The columns: `Facets` in docs/decisions/0021."""

    ALL = 0
    """The type, and requests from the rest."""
    SITE = 1
    """And model, channel and group."""
    NAME = 2
    """And the key's name."""
    KEY = 3
    """And workspace, user and key: all."""


GRAINS: Final = {
    Facet.ALL: tuple(Grain),
    Facet.SITE: tuple(Grain),
    Facet.NAME: (Grain.HOUR, Grain.DAY),
    Facet.KEY: (Grain.MINUTE, Grain.HOUR, Grain.DAY),
}
"""At which grains each facet is counted."""
REQUEST_GROUP: Final = "*"
"""The group of a request's series in facet ALL; every other row has none there."""
_ALL, _SITE, _NAME, _KEY = map(int, Facet)
_REQUEST_TYPES: Final = frozenset({int(LogType.CONSUMPTION), int(LogType.ERROR)})


class SeriesKey(NamedTuple):
    """The columns of `log_series`: 0 and '' where the facet leaves them out."""

    facet: int
    type: int
    workspace_id: int
    user_id: int
    username: str
    token_id: int
    token_name: str
    model_name: str
    channel_id: int
    group: str


class Counted(NamedTuple):
    """The sums of one bucket of a series."""

    rows: int
    quota: int
    tokens: int
    """Of requests' rows alone, in and out."""


Place: TypeAlias = tuple[SeriesKey, int]
"""A series, and the first second of a bucket."""
Counts: TypeAlias = dict[Grain, dict[Place, Counted]]
Key: TypeAlias = tuple[int, int, int, str, int, str, str, int, str]
"""What a row is counted by: the columns of SeriesKey but for the facet, in their order."""
KeySums: TypeAlias = dict[Key, dict[int, list[int]]]
"""By key and second: rows, quota and tokens."""
_Series = TypeVar("_Series", SeriesKey, int)
_Buckets: TypeAlias = dict[tuple[_Series, int], list[int]]


class Family(NamedTuple, Generic[_Series]):
    """The series that a key's rows count to, one of each facet; or their ids."""

    all: _Series
    site: _Series
    name: _Series
    key: _Series


class Spread(NamedTuple, Generic[_Series]):
    """Sums by grain, series and bucket."""

    of_few: dict[Grain, _Buckets[_Series]]
    """Of the facets KEY and NAME."""
    of_all: dict[Grain, _Buckets[_Series]]
    """Of the facets SITE and ALL, which every batch touches."""


def is_request(row_type: int, group: str) -> bool:
    """Whether a row is a request's: what was given back of one has its type, and no group."""
    return group != "" and row_type in _REQUEST_TYPES


def count(rows: Iterable[LogRow], *, sign: int = 1, minutes_from: int, seconds_from: int) -> Counts:
    """The counts of all facets at each of their grains.

    Buckets of a minute that begin before `minutes_from` are left out, and so are those of a second
    before `seconds_from`: nobody reads them.
    """
    sums = sum_by_key(rows)
    families = {key: family_of(key) for key in sums}
    spread = spread_out(sums, families, minutes_from=minutes_from, seconds_from=seconds_from)
    return {
        grain: {
            place: Counted(sign * parts[0], sign * parts[1], sign * parts[2])
            for part in spread
            for place, parts in part.get(grain, {}).items()
        }
        for grain in Grain
    }


def family_of(key: Key) -> Family[SeriesKey]:
    """The series of a key."""
    kind, workspace, user, username, token, name, model, channel, group = key
    whose = REQUEST_GROUP if is_request(kind, group) else ""
    return Family(
        SeriesKey(_ALL, kind, 0, 0, "", 0, "", "", 0, whose),
        SeriesKey(_SITE, kind, 0, 0, "", 0, "", model, channel, group),
        SeriesKey(_NAME, kind, 0, 0, "", 0, name, model, channel, group),
        SeriesKey(_KEY, kind, workspace, user, username, token, name, model, channel, group),
    )


def sum_by_key(rows: Iterable[LogRow]) -> KeySums:
    """The one look at each row. All else is added up from these, which are fewer."""
    found: KeySums = {}
    for row in rows:
        key = (
            row.type,
            row.workspace_id,
            row.user_id,
            row.username,
            row.token_id,
            row.token_name,
            row.model_name,
            row.channel_id,
            row.group,
        )
        seconds = found.get(key)
        if seconds is None:
            seconds = found[key] = {}
        sums = seconds.get(row.created_at)
        if sums is None:
            seconds[row.created_at] = [1, row.quota, row.prompt_tokens + row.completion_tokens]
        else:
            sums[0] += 1
            sums[1] += row.quota
            sums[2] += row.prompt_tokens + row.completion_tokens
    return found


def spread_out(
    sums: KeySums, families: Mapping[Key, Family[_Series]], *, minutes_from: int, seconds_from: int
) -> Spread[_Series]:
    """Add up every facet, each at its grains: the coarser ones from the finer."""
    key_minutes: _Buckets[_Series] = {}
    name_hours: _Buckets[_Series] = {}
    site_seconds: _Buckets[_Series] = {}
    all_seconds: _Buckets[_Series] = {}
    for key, seconds in sums.items():
        of_all, of_site, of_name, of_key = families[key]
        for at, parts in seconds.items():
            _add(key_minutes, (of_key, at - at % 60), parts)
            _add(name_hours, (of_name, at - at % 3_600), parts)
            _add(site_seconds, (of_site, at), parts)
            _add(all_seconds, (of_all, at), parts)
    key_hours = _coarser(key_minutes, Grain.HOUR)
    begun = {Grain.MINUTE: minutes_from, Grain.SECOND: seconds_from}
    of_few = {
        Grain.MINUTE: {p: parts for p, parts in key_minutes.items() if p[1] >= minutes_from},
        Grain.HOUR: key_hours | name_hours,
        Grain.DAY: _coarser(key_hours, Grain.DAY) | _coarser(name_hours, Grain.DAY),
    }
    of_everybody = {}
    finer = site_seconds | all_seconds
    for grain in Grain:
        finer = _coarser(finer, grain)
        begins = begun.get(grain)
        of_everybody[grain] = (
            finer
            if begins is None
            else {place: parts for place, parts in finer.items() if place[1] >= begins}
        )
    return Spread(of_few, of_everybody)


def _add(into: _Buckets[_Series], place: tuple[_Series, int], parts: list[int]) -> None:
    sums = into.get(place)
    if sums is None:
        into[place] = parts.copy()
    else:
        sums[0] += parts[0]
        sums[1] += parts[1]
        sums[2] += parts[2]


def _coarser(sums: _Buckets[_Series], grain: Grain) -> _Buckets[_Series]:
    found: _Buckets[_Series] = {}
    width = int(grain)  # arithmetic on an enumeration's members takes many times as long
    for (series, at), parts in sums.items():
        _add(found, (series, at - at % width), parts)
    return found
