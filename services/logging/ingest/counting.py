"""How many rows there are, by what lists filter by and by time; and what they cost. Pure.

A *facet* leaves out what few ask for together, so that the usual questions touch few series. A
*grain* is the width of a bucket. Counting is adding: rows may come in any order, in any parts, and
what was counted with sign 1 goes away with sign -1.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

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


class Grain(IntEnum):
    """The width of a bucket, in seconds."""

    SECOND = 1
    MINUTE = 60
    HOUR = 3_600
    DAY = 86_400


GRAINS: Final = {
    Facet.ALL: tuple(Grain),
    Facet.SITE: tuple(Grain),
    Facet.NAME: (Grain.HOUR, Grain.DAY),
    Facet.KEY: (Grain.MINUTE, Grain.HOUR, Grain.DAY),
}
"""At which grains each facet is counted."""
REQUEST_GROUP: Final = "*"
"""The group of a request's series in facet ALL; every other row has none there."""
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
_Sums: TypeAlias = dict[Place, list[int]]


def is_request(row_type: int, group: str) -> bool:
    """Whether a row is a request's: what was given back of one has its type, and no group."""
    return group != "" and row_type in _REQUEST_TYPES


def count(rows: Iterable[LogRow], *, sign: int = 1, minutes_from: int, seconds_from: int) -> Counts:
    """The counts of all facets at each of their grains.

    Buckets of a minute that begin before `minutes_from` are left out, and so are those of a second
    before `seconds_from`: nobody reads them.
    """
    keys = _by_key_and_second(rows, sign)
    by_key = _added((_minute(place), sums) for place, sums in keys.items())
    by_site = _added((_site(place), sums) for place, sums in keys.items())
    found: Counts = {grain: {} for grain in Grain}
    begin = {Grain.MINUTE: minutes_from, Grain.SECOND: seconds_from}

    def put(facet: Facet, sums: _Sums) -> None:
        for grain in GRAINS[facet]:
            if grain is not GRAINS[facet][0] or facet is Facet.NAME:
                sums = _coarser(sums, grain)
            begins, into = begin.get(grain), found[grain]
            for place, parts in sums.items():
                if begins is None or place[1] >= begins:
                    into[place] = Counted(*parts)

    put(Facet.KEY, by_key)
    put(Facet.NAME, _added((_name(place), sums) for place, sums in by_key.items()))
    put(Facet.SITE, by_site)
    put(Facet.ALL, _added((_all(place), sums) for place, sums in by_site.items()))
    return found


def _by_key_and_second(rows: Iterable[LogRow], sign: int) -> _Sums:
    """The one look at each row. All else is added up from these, which are far fewer."""
    found: dict[tuple[object, ...], list[int]] = {}
    for row in rows:
        # Plain, and in the order of SeriesKey: making one takes longer than all the rest here.
        key = (
            *(row.type, row.workspace_id, row.user_id, row.username, row.token_id),
            *(row.token_name, row.model_name, row.channel_id, row.group, row.created_at),
        )
        sums = found.get(key)
        if sums is None:
            found[key] = [1, row.quota, row.prompt_tokens + row.completion_tokens]
        else:
            sums[0] += 1
            sums[1] += row.quota
            sums[2] += row.prompt_tokens + row.completion_tokens
    return {
        (SeriesKey(Facet.KEY, *key[:-1]), key[-1]): [sign * part for part in sums]  # type: ignore[arg-type, misc]  # in its order
        for key, sums in found.items()
    }


def _added(parts: Iterable[tuple[Place, list[int]]]) -> _Sums:
    found: _Sums = {}
    for place, (rows, quota, tokens) in parts:
        sums = found.get(place)
        if sums is None:
            found[place] = [rows, quota, tokens]
        else:
            sums[0] += rows
            sums[1] += quota
            sums[2] += tokens
    return found


def _coarser(sums: _Sums, grain: Grain) -> _Sums:
    return _added(((key, at // grain * grain), parts) for (key, at), parts in sums.items())


def _minute(place: Place) -> Place:
    return place[0], place[1] // Grain.MINUTE * Grain.MINUTE


def _name(place: Place) -> Place:
    key = place[0]
    left = (0, 0, "", 0)
    return (
        SeriesKey(
            Facet.NAME, key.type, *left, key.token_name, key.model_name, key.channel_id, key.group
        ),
        place[1],
    )


def _site(place: Place) -> Place:
    key = place[0]
    left = (0, 0, "", 0, "")
    return (
        SeriesKey(Facet.SITE, key.type, *left, key.model_name, key.channel_id, key.group),
        place[1],
    )


def _all(place: Place) -> Place:
    key = place[0]
    group = REQUEST_GROUP if is_request(key.type, key.group) else ""
    return SeriesKey(Facet.ALL, key.type, 0, 0, "", 0, "", "", 0, group), place[1]
