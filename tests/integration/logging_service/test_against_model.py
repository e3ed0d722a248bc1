"""Any mix of events, late and repeated ones, deletions and questions is answered as the model does.

More of it: `HYPOTHESIS_EXAMPLES=500 .venv/bin/python -P -m pytest -q <this file>`.
"""

import asyncio
import os
import time
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, Final, TypeVar, cast

import asyncpg
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
from services.logging.rows.rows import LogRow
from services.logging.sketches.sketch import Sketch
from shared.kafka.records import Record
from tests.integration.logging_service.log_api import ADMIN, LogApi
from tests.integration.logging_service.log_world import LogWorld
from tests.log_model.model import LogModel, ModelStats, Stored
from tests.log_model.records import records_of
from tests.log_model.strategies import Span, batches, filters
from tests.log_model.usage import Usage, UsageKey, by_key, is_near, usage
from tests.stack_fixtures import Database

_T = TypeVar("_T")
_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
_COUNTED: Final = (
    *("request_count", "success_count", "error_count", "rate_limited_count", "cache_hit_count"),
    *("timeout_count", "error_4xx_count", "error_5xx_count", "suppressed_count"),
    *("disconnected_count", "retried_count", "total_upstream_latency_ms", "total_request_bytes"),
    *("total_response_bytes", "total_tokens_input", "total_tokens_output", "total_tokens_cached"),
    *("quota", "returned_quota"),
)
_EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "8"))
_STEPS: Final = 12
# Making a failure small takes minutes: for whoever looks into it.
_PHASES: Final = tuple(Phase) if "HYPOTHESIS_EXAMPLES" in os.environ else (Phase.generate,)
# Whole in the past whenever the test runs, and with a part for which there are counts by minute.
_SPAN: Final = Span((int(time.time()) // _DAY - 3) * _DAY, 2 * _DAY + _DAY * 5 // 6)
_KEYWORDS: Final = ("succeeded", "did not", "GPT", "4", "error", "refunded", "sonnet", "nothing")


class Conversation(RuleBasedStateMachine):
    """Runs on a thread of its own; what it asks runs on the test's loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, world: LogWorld) -> None:
        super().__init__()
        self._loop = loop
        self._world = world
        self._model = LogModel()
        self._sent: list[Record] = []

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @initialize()
    def empty(self) -> None:
        self._do(self._world.empty())

    @rule(given=batches(_SPAN, most=2, longest=25))
    def take_in(self, given: list[list[LogRow]]) -> None:
        for batch in given:
            self._take_in(records_of(batch))

    @rule(ages=st.lists(st.integers(2, 8), max_size=5))
    def take_in_what_ended_just_now(self, ages: list[int]) -> None:
        drawn = [row for row in map(_row_of, self._sent) if row.group][: len(ages)]
        now = int(time.time())
        fresh = [
            row._replace(event_id=_other_id(row.event_id, now), created_at=now - age)
            for row, age in zip(drawn, ages, strict=False)
        ]
        self._take_in(records_of(fresh))

    @precondition(lambda self: self._sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        again = data.draw(st.lists(st.sampled_from(range(len(self._sent))), max_size=10))
        self._take_in([self._sent[place] for place in again])

    @rule(before=_SPAN.times())
    def delete(self, before: int) -> None:
        expected = self._model.delete_before(before, now=int(time.time()))
        assert self._do(self._world.delete_before(before)) == expected

    @precondition(lambda self: self._model.accepted)
    @rule(data=st.data())
    def rebuild(self, data: st.DataObject) -> None:
        """Of an hour that has rows, and changes nothing."""
        row = data.draw(st.sampled_from(self._model.accepted))
        self._do(self._world.rebuild(row.created_at // _HOUR * _HOUR))

    @rule()
    def check(self) -> None:
        assert self._do(self._world.differences(_SPAN.begins_at, int(time.time()))) == []

    @rule(asked=filters(_SPAN), size=st.integers(1, 7), number=st.integers(1, 9))
    def list_a_page(self, asked: Filters, size: int, number: int) -> None:
        page = Page(number=number, size=size)
        found = self._do(self._world.page(asked, page))
        assert found["total"] == self._model.total(asked).rows
        assert _told(found["items"]) == _shown(self._model.page(asked, page))

    @rule(asked=filters(_SPAN), size=st.integers(2, 9))
    def follow_cursors(self, asked: Filters, size: int) -> None:
        self._do(self._world.number(self._model))
        cursor, place = "", (2**62, 2**62)
        for _ in range(4):
            found = self._do(self._world.page(asked, Page(number=1, size=size), cursor=cursor))
            expected = self._model.after(asked, place, size)
            assert [row["id"] for row in found["items"]] == [each.id for each in expected]
            cursor = found.get("next_cursor") or ""
            if not cursor or not expected:
                break
            place = expected[-1].place

    @rule(asked=filters(_SPAN))
    def sum_up(self, asked: Filters) -> None:
        before = int(time.time())
        found = ModelStats(**self._do(self._world.stats(asked)))
        after = int(time.time())
        assert found in {self._model.stats(asked, now=now) for now in range(before, after + 1)}

    @rule(asked=filters(_SPAN), keyword=st.sampled_from(_KEYWORDS))
    def search(self, asked: Filters, keyword: str) -> None:
        found = self._do(self._world.search(asked, keyword))
        assert _told(found) == _shown(self._model.search(asked, keyword, limit=1000))

    @rule(daily=st.booleans())
    def look_at_usage(self, daily: bool) -> None:
        table, bucket, grain = (
            ("usage_daily", "day", _DAY) if daily else ("usage_hourly", "hour", _HOUR)
        )
        expected = usage(self._model.accepted, grain=grain, by=by_key)
        found = {
            (UsageKey(*(row[name] for name in UsageKey._fields)), row[bucket]): row
            for row in self._do(self._world.used(table))
        }
        assert found.keys() == expected.keys()
        for place, used in expected.items():
            assert_same_usage(found[place], used)
            if daily and used.peak_hour is not None:
                assert (
                    found[place]["peak_hour"],
                    found[place]["peak_hour_requests"],
                ) == used.peak_hour

    def _take_in(self, records: Sequence[Record]) -> None:
        self._do(self._world.ingest(records))
        self._model.ingest(_row_of(record) for record in records)
        self._sent += records
        if self._model.refuse_before:
            self.look_at_usage(daily=False)  # what came too late is in no figure either


async def test_whatever_happens_is_answered_as_the_model_does(
    api: LogApi, tables: Database, pool: asyncpg.Pool
) -> None:
    world = LogWorld(api=api, database=tables, pool=pool, caller=ADMIN)
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


def assert_same_usage(found: asyncpg.Record, used: Usage) -> None:
    """All that is counted is equal, and percentiles are within the sketch's bound."""
    for name in _COUNTED:
        assert found[name] == getattr(used, name), name
    latencies = used.latencies_ms
    assert found["total_latency_ms"] == sum(latencies)
    assert found["min_latency_ms"] == min(latencies, default=None)
    assert found["max_latency_ms"] == max(latencies, default=None)
    latency = Sketch.from_bytes(found["latency"])
    first_byte = Sketch.from_bytes(found["first_byte"])
    for share in (0, 0.5, 0.95, 0.99, 0.999, 1):
        assert is_near(latency.quantile(share), used.latency_ms(share)), share
        assert is_near(first_byte.quantile(share), used.first_byte_ms(share)), share


def _row_of(record: Record) -> LogRow:
    row = to_row(record)
    assert row is not None
    return row


def _told(items: list[dict[str, Any]]) -> list[tuple[int, str, int, str]]:
    """What an answer says of its rows. Two of the same second come in the order of their ids."""
    return [(row["created_at"], row["content"], row["quota"], row["request_id"]) for row in items]


def _shown(rows: list[Stored]) -> list[tuple[int, str, int, str]]:
    return [(row.created_at, row.content, row.quota, row.request_id) for row, _ in rows]


def _other_id(event_id: str, now: int) -> str:
    return f"{now:08x}{event_id[8:]}"
