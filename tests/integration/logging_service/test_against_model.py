"""Any mix of events, late and repeated ones, deletions and questions is answered as the model does.

Deletions are an admin's, the end of a workspace's period and of the site's. One clock stands still
for all of it, so that the same steps always do the same. More of it:
`HYPOTHESIS_EXAMPLES=500 .venv/bin/python -P -m pytest -q --timeout 0 <this file>`.
"""

import asyncio
import os
from collections.abc import Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar, cast

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.logging.handlers import to_row
from services.logging.listing.filters import Filters, Page
from services.logging.retention.periods import Periods
from services.logging.rows.rows import LogRow
from shared.service.clock import Clock
from tests.integration.logging_service.log_api import ADMIN, LogApi
from tests.integration.logging_service.log_world import LogWorld
from tests.log_model.compared import usage_differences
from tests.log_model.model import LogModel, ModelStats, Stored
from tests.log_model.records import records_of
from tests.log_model.strategies import Span, batches, filters, rows
from tests.log_model.usage import UsageKey, by_key, usage
from tests.stack_fixtures import Database

_T = TypeVar("_T")
_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
_EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "10"))
_STEPS: Final = 10
# Making a failure small takes minutes: for whoever looks into it.
_PHASES: Final = tuple(Phase) if "HYPOTHESIS_EXAMPLES" in os.environ else (Phase.generate,)
_NOW: Final = datetime(2026, 3, 2, 14, 27, 45, tzinfo=UTC)
# Two days and more, over the end of a month, of which there are counts by minute of the last part.
_SPAN: Final = Span(int(_NOW.timestamp()) // _DAY * _DAY - 3 * _DAY, 3 * _DAY + 14 * _HOUR)
_OF_EACH_FACET: Final = (
    Filters(),
    Filters(model_name="gpt-4o"),
    Filters(token_name="default"),
    Filters(username="ada"),
)
_KEYWORDS: Final = ("succeeded", "did not", "GPT", "4", "error", "refunded", "sonnet", "nothing")


class Conversation(RuleBasedStateMachine):
    """Runs on a thread of its own; what it asks runs on the test's loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, world: LogWorld) -> None:
        super().__init__()
        self._loop = loop
        self._world = world
        self._model = LogModel()
        self._sent: dict[str, LogRow] = {}
        """By event id: an event that is drawn again is the same event."""
        self._hidden: set[int] = set()
        """Workspaces whose older rows are shown no more, and still there."""

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @initialize(
        given=st.lists(rows(_SPAN), min_size=20, max_size=25),
        days=st.integers(1, 3),
        at_once=st.booleans(),
    )
    def begin(self, given: list[LogRow], days: int, at_once: bool) -> None:
        """With a history of some of everything: what is drawn goes on from there."""
        self._do(self._world.empty())
        self._take_in(given)
        self.keep_a_workspace_for(8, days, at_once)
        self._rebuild(self._hours[-1])

    @rule(given=batches(_SPAN, most=2, longest=10))
    def take_in(self, given: list[list[LogRow]]) -> None:
        for batch in given:
            self._take_in(batch)

    @rule(ages=st.lists(st.sampled_from((0, 2, 30, 59, 60, 61)), max_size=6))
    def take_in_what_ended_just_now(self, ages: list[int]) -> None:
        drawn = [row for row in self._sent.values() if row.group][: len(ages)]
        self._take_in(
            row._replace(event_id=f"{age:08x}{row.event_id[8:]}", created_at=self._world.now - age)
            for row, age in zip(drawn, ages, strict=False)
        )

    @precondition(lambda self: self._sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        sent = list(self._sent.values())
        again = data.draw(st.lists(st.sampled_from(range(len(sent))), max_size=10))
        self._take_in(sent[place] for place in again)

    @rule(before=_SPAN.times())
    def delete(self, before: int) -> None:
        if self._hidden:
            self.delete_what_is_hidden()  # or whoever comes first would count those
        expected = self._model.delete_before(before, now=self._world.now)
        assert self._do(self._world.delete_before(before)) == expected
        self._compare()

    @rule(workspace_id=st.sampled_from((7, 8)), days=st.integers(1, 3), at_once=st.booleans())
    def keep_a_workspace_for(self, workspace_id: int, days: int, at_once: bool) -> None:
        """Its older rows are shown no more, and are deleted at some later step."""
        if workspace_id in self._hidden:
            self.delete_what_is_hidden()  # before that no other period of it begins
        self._hidden.add(workspace_id)
        self._do(self._world.keep_for(workspace_id, days))
        kept_from = self._midnight - days * _DAY
        self._model.delete_of_workspace(workspace_id, kept_from, now=self._world.now)
        self._compare()
        if at_once:
            self.delete_what_is_hidden()

    @precondition(lambda self: self._hidden)
    @rule()
    def delete_what_is_hidden(self) -> None:
        self._do(self._world.carry_out(self._model))
        self._hidden.clear()
        self._compare()

    @rule(days=st.lists(st.integers(1, 4), min_size=3, max_size=3).map(sorted))
    def end_the_sites_periods(self, days: list[int]) -> None:
        logs, hourly, daily = (self._midnight - each * _DAY for each in days)
        self._model.delete_before(logs, now=self._world.now)
        self._model.end_usage(hourly=hourly, daily=daily)
        self._do(self._world.carry_out(self._model, Periods(*days)))
        self._hidden.clear()
        self._compare()

    @precondition(lambda self: self._model.accepted)
    @rule(data=st.data())
    def rebuild(self, data: st.DataObject) -> None:
        """Of an hour that has rows, and changes nothing."""
        self._rebuild(data.draw(st.sampled_from(self._hours)))

    @rule(
        asked=filters(_SPAN),
        number=st.integers(1, 9),
        size=st.integers(1, 9),
        keyword=st.sampled_from(_KEYWORDS),
    )
    def ask(self, asked: Filters, number: int, size: int, keyword: str) -> None:
        self._list_a_page(asked, Page(number=number, size=size))
        self._follow_cursors(asked, size)
        stats = ModelStats(**self._do(self._world.stats(asked)))
        assert stats == self._model.stats(asked, now=self._world.now)
        found = self._do(self._world.search(asked, keyword))
        assert _told(found) == _shown(self._model.search(asked, keyword, limit=1000))

    def _list_a_page(self, asked: Filters, page: Page) -> None:
        found = self._do(self._world.page(asked, page))
        assert found["total"] == self._model.total(asked).rows, asked
        assert _told(found["items"]) == _shown(self._model.page(asked, page))

    def _follow_cursors(self, asked: Filters, size: int) -> None:
        cursor, place = "", (2**62, 2**62)
        for _ in range(4):
            found = self._do(self._world.page(asked, Page(number=1, size=size), cursor=cursor))
            expected = self._model.after(asked, place, size)
            assert [row["id"] for row in found["items"]] == [each.id for each in expected]
            cursor = found.get("next_cursor") or ""
            if not cursor or not expected:
                break
            place = expected[-1].place

    def _compare(self) -> None:
        """Everything with everything, and with the model what each facet counts."""
        assert self._do(self._world.differences(_SPAN.begins_at, self._world.now)) == []
        for asked in _OF_EACH_FACET:
            self._list_a_page(asked, Page(number=1, size=5))
        self._look_at_usage(daily=False)
        self._look_at_usage(daily=True)

    def _look_at_usage(self, *, daily: bool) -> None:
        table, bucket, grain, kept_from = (
            ("usage_daily", "day", _DAY, self._model.usage_daily_from)
            if daily
            else ("usage_hourly", "hour", _HOUR, self._model.usage_hourly_from)
        )
        expected = usage(self._model.accepted, grain=grain, by=by_key)
        # What is given back of a time that is over is swept at the next look.
        found = {
            (UsageKey(*(row[name] for name in UsageKey._fields)), row[bucket]): row
            for row in self._do(self._world.used(table))
            if row[bucket] >= kept_from
        }
        assert found.keys() == {place for place in expected if place[1] >= kept_from}
        differing = {
            place: differences
            for place, row in found.items()
            if (differences := usage_differences(row, expected[place]))
        }
        assert not differing

    def _rebuild(self, hour: int) -> None:
        self._do(self._world.rebuild(hour))
        self._compare()

    @property
    def _hours(self) -> list[int]:
        return sorted({row.created_at // _HOUR * _HOUR for row in self._model.accepted})

    @property
    def _midnight(self) -> int:
        return self._world.now // _DAY * _DAY

    def _take_in(self, given: Iterable[LogRow]) -> None:
        batch = [self._sent.setdefault(row.event_id, row) for row in given]
        records = records_of(batch)
        self._do(self._world.ingest(records))
        self._model.ingest(_row_of(record) for record in records)
        self._do(self._world.number(self._model))
        self._compare()


@pytest.fixture
def clock() -> Clock:
    return lambda: _NOW


async def test_whatever_happens_is_answered_as_the_model_does(
    api_alone: LogApi, tables: Database, pool: asyncpg.Pool, clock: Clock
) -> None:
    world = LogWorld(api=api_alone, database=tables, pool=pool, caller=ADMIN, clock=clock)
    machine = partial(Conversation, asyncio.get_running_loop(), world)
    await asyncio.to_thread(
        run_state_machine_as_test,
        cast("type[Conversation]", machine),  # whatever makes one will do
        settings=settings(
            max_examples=_EXAMPLES,
            stateful_step_count=_STEPS,
            deadline=None,
            phases=_PHASES,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def _row_of(record: Any) -> LogRow:
    row = to_row(record)
    assert row is not None
    return row


def _told(items: Sequence[dict[str, Any]]) -> list[tuple[int, str, int, str]]:
    """What an answer says of its rows. Two of the same second come in the order of their ids."""
    return [(row["created_at"], row["content"], row["quota"], row["request_id"]) for row in items]


def _shown(stored: Sequence[Stored]) -> list[tuple[int, str, int, str]]:
    return [(row.created_at, row.content, row.quota, row.request_id) for row, _ in stored]
