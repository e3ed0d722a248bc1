"""What `logging` promises, in plain Python over a list of rows: to compare with, and slow.

    model = LogModel()
    model.ingest(rows)                          # a batch: new, repeated and refused ones
    model.delete_before(target, now=now)        # how many rows an admin's DELETE answers
    model.delete_of_workspace(7, target, now=now)   # the end of its own period
    model.end_usage(hourly=…, daily=…)          # from when on usage is kept
    model.total(filters)                        # rows, quota, tokens
    model.page(filters, Page(number=3, size=20)), model.after(filters, place, 20)
    model.stats(filters, now=now), model.search(filters, "gpt", limit=1000)
    usage(model.accepted, grain=3600, by=by_key)    # tests/log_model/usage.py

Rows get ids in the order in which they come, as one writer gives them. Who wrote with several
tells `renumber` the ids that the table has. Nothing is shared with the code that is compared, but
for the shapes `LogRow`, `Filters` and `Page`. No table, no clock, no I/O.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from services.logging.listing.filters import Filters, Page
from services.logging.rows.rows import LogRow
from tests.log_model.row_rules import is_request, matches, says, tokens_of

_DAY_S: Final = 86_400


class Stored(NamedTuple):
    """A row that is there, and its place among those of the same second."""

    row: LogRow
    id: int

    @property
    def place(self) -> tuple[int, int]:
        """By which lists are ordered, newest first, and where a cursor points."""
        return self.row.created_at, self.id


class Taken(NamedTuple):
    """What became of the events of one batch."""

    new: list[LogRow]
    repeated: list[LogRow]
    refused: list[LogRow]
    """Older than what was deleted: they leave no row and no figure."""


class Total(NamedTuple):
    """Of the rows that match."""

    rows: int
    quota: int
    tokens: int


class ModelStats(NamedTuple):
    """As `GET /api/log/stat` has them."""

    quota: int
    rpm: int
    tpm: int


class LogModel:
    """The rows that are there, those that ever were, and the horizons behind which nothing is."""

    def __init__(self) -> None:
        self.stored: dict[str, Stored] = {}
        """By event id."""
        self.accepted: list[LogRow] = []
        """Whatever was new when it came, deleted or not: what usage is added up of."""
        self.refused: list[LogRow] = []
        self.refuse_before = 0
        self.workspace_horizons: dict[int, int] = {}
        self.usage_hourly_from = 0
        self.usage_daily_from = 0
        self._ids = 0

    def ingest(self, rows: Iterable[LogRow]) -> Taken:
        """Take a batch in. An event is known by its id, and the first one of it holds."""
        taken = Taken([], [], [])
        for row in rows:
            if row.created_at < self.horizon_of(row.workspace_id):
                taken.refused.append(row)
            elif row.event_id in self.stored:
                taken.repeated.append(row)
            else:
                self._ids += 1
                self.stored[row.event_id] = Stored(row, self._ids)
                taken.new.append(row)
        self.accepted += taken.new
        self.refused += taken.refused
        return taken

    def delete_before(self, target: int, *, now: int) -> int:
        """Delete what is older than `target`, or than now where that is earlier; how many went."""
        self.refuse_before = max(self.refuse_before, min(target, now))
        return self._drop(lambda row: row.created_at < self.refuse_before)

    def delete_of_workspace(self, workspace_id: int, target: int, *, now: int) -> int:
        """The same of one workspace's rows alone, as its own retention does."""
        horizon = max(self.workspace_horizons.get(workspace_id, 0), min(target, now))
        self.workspace_horizons[workspace_id] = horizon
        return self._drop(lambda row: row.workspace_id == workspace_id and row.created_at < horizon)

    def end_usage(self, *, hourly: int, daily: int) -> None:
        """No longer keep usage from before; never of a time of which rows are kept.

        By the hour whole months go (UTC), by the day whole days.
        """
        month = datetime.fromtimestamp(min(hourly, self.refuse_before), UTC)
        month = month.replace(day=1, hour=0, minute=0, second=0)
        self.usage_hourly_from = max(self.usage_hourly_from, int(month.timestamp()))
        day = min(daily, self.refuse_before) // _DAY_S * _DAY_S
        self.usage_daily_from = max(self.usage_daily_from, day)

    def horizon_of(self, workspace_id: int) -> int:
        """What is older than this is refused, and not there (Unix seconds)."""
        return max(self.refuse_before, self.workspace_horizons.get(workspace_id, 0))

    def renumber(self, ids: Mapping[str, int]) -> None:
        """Take over the ids that the table gave, by event id. Raises KeyError where one is not."""
        self.stored = {
            event_id: each._replace(id=ids[event_id]) for event_id, each in self.stored.items()
        }

    def matching(self, filters: Filters) -> list[Stored]:
        """All rows of a list, newest first."""
        return self.where(lambda row: matches(row, filters))

    def where(self, condition: Callable[[LogRow], bool]) -> list[Stored]:
        """All rows for which something holds, newest first."""
        found = [each for each in self.stored.values() if condition(each.row)]
        return sorted(found, key=lambda each: each.place, reverse=True)

    def page(self, filters: Filters, page: Page) -> list[Stored]:
        """The rows of one page; none beyond the last."""
        return self.matching(filters)[page.offset : page.offset + page.size]

    def after(self, filters: Filters, place: tuple[int, int], size: int) -> list[Stored]:
        """The next rows behind a place (a row's `Stored.place`), as a cursor has them."""
        return [each for each in self.matching(filters) if each.place < place][:size]

    def total(self, filters: Filters) -> Total:
        """How many rows match, and their sums."""
        rows = [each.row for each in self.matching(filters)]
        return Total(len(rows), sum(row.quota for row in rows), sum(map(tokens_of, rows)))

    def by_bucket(self, filters: Filters, grain: int) -> list[tuple[int, int]]:
        """Rows by bucket of `grain` seconds, newest first, without the empty ones."""
        counts = Counter(each.row.created_at // grain * grain for each in self.matching(filters))
        return sorted(counts.items(), reverse=True)

    def stats(self, filters: Filters, *, now: int, window_s: int = 60) -> ModelStats:
        """Quota of consumption in the range; requests and tokens of the last minute, whatever it.

        Both obey every other filter. `now`: Unix seconds.
        """
        spent = sum(each.row.quota for each in self.matching(filters) if each.row.type == 2)
        lately = replace(filters, start_timestamp=now - window_s, end_timestamp=now)
        requests = [each.row for each in self.matching(lately) if is_request(each.row)]
        return ModelStats(spent, len(requests), sum(map(tokens_of, requests)))

    def search(self, filters: Filters, keyword: str, *, limit: int) -> list[Stored]:
        """The newest rows that match and have the keyword in text or model, or are of its type."""
        return self.where(lambda row: matches(row, filters) and says(row, keyword))[:limit]

    def _drop(self, goes: Callable[[LogRow], bool]) -> int:
        before = len(self.stored)
        self.stored = {
            event_id: each for event_id, each in self.stored.items() if not goes(each.row)
        }
        return before - len(self.stored)
