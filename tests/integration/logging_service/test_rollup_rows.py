"""Rows of the rollups that are added up tell the percentiles of all that they are made of."""

from uuid import UUID

import asyncpg
import pytest

from services.logging.ingest.batch import Beside
from services.logging.listing.reading import Reading
from services.logging.partitions.spans import DAY, HOUR
from services.logging.rows.rows import LogRow
from services.logging.usage import merging
from services.logging.usage.asked import Dimension, RowsQuery
from services.logging.usage.places import Place
from services.logging.usage.sources import COLUMNS, Wanted
from services.logging.usage.spans import Grain, SpanError, Stretch
from services.logging.usage.store_rollup_rows import RollupRows
from shared.events.event import new_event_id
from tests.integration.logging_service.ingesting import ingest

MIDNIGHT = 1_767_225_600
HOURS = Stretch(Grain.HOURLY, MIDNIGHT, MIDNIGHT + DAY)
DAYS = Stretch(Grain.DAILY, MIDNIGHT, MIDNIGHT + DAY)
MODEL = (Dimension.MODEL,)


def request(key_id: int, hour: int, model: str, latency_ms: int) -> LogRow:
    return LogRow(
        event_id=str(UUID(new_event_id())),
        workspace_id=key_id,
        user_id=10 * key_id,
        created_at=MIDNIGHT + hour * HOUR,
        type=2,
        content="API call succeeded",
        model_name=model,
        token_id=key_id,
        group="default",
        outcome="succeeded",
        latency_ms=latency_ms,
    )


@pytest.fixture
async def rows(pool: asyncpg.Pool) -> RollupRows:
    made = [
        request(key_id, hour, model, latency_ms=1_000 * key_id + hour)
        for key_id in (1, 2, 3)
        for hour in (0, 5)
        for model in ("a", "b", "c")
    ]
    await ingest(pool, Beside.over(pool, partition_hours=24), made)
    return RollupRows(Reading(pool, statement_timeout_ms=20_000))


@pytest.mark.parametrize("stretch", [HOURS, DAYS])
@pytest.mark.parametrize("by", [MODEL, (Dimension.PROJECT, Dimension.MODEL)])
@pytest.mark.parametrize("wanted", [Wanted(RowsQuery()), Wanted(RowsQuery(), own_user_id=20)])
async def test_each_page_has_the_sketches_of_its_rows(
    rows: RollupRows, wanted: Wanted, by: tuple[Dimension, ...], stretch: Stretch
) -> None:
    keys = 3 if wanted.own_user_id is None else 1
    hours = 1 if stretch is HOURS else 2
    place, models = None, []
    while True:
        page = await rows.page(wanted, stretch, by, place, 2)
        for row in page.rows:
            assert row["request_count"] == keys * hours
            assert row["latency"].count == keys * hours
            models.append((row["bucket"], row["model"]))
        if not page.has_more:
            break
        last = page.rows[-1]
        place = Place(last["bucket"], tuple(last[COLUMNS[each]] for each in by))
    assert len(models) == len(set(models)) == 3 * 2 // hours


async def test_more_than_can_be_merged_is_refused_with_a_word_that_helps(
    rows: RollupRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = (Dimension.WORKSPACE, Dimension.MODEL)
    monkeypatch.setattr(merging, "MAX_SKETCHES", 4)
    with pytest.raises(SpanError, match="less"):
        await rows.page(Wanted(RowsQuery()), HOURS, by, None, 100)
    assert len((await rows.page(Wanted(RowsQuery()), HOURS, by, None, 4)).rows) == 4
