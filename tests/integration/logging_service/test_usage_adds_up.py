"""What `/api/usage` tells is what plain Python adds up from the same rows."""

from collections.abc import Callable, Iterable
from typing import Any

import asyncpg
from hypothesis import given
from hypothesis import strategies as st

from services.logging.ingest.batch import Beside
from services.logging.rows.rows import LogRow
from shared.money.quota import to_cents
from tests.integration.logging_service.ingesting import emptied, ingest
from tests.integration.logging_service.log_api import ADA, ADMIN, LogApi
from tests.integration.logging_service.trying import tries
from tests.log_model import strategies
from tests.log_model import usage as model_usage
from tests.log_model.model import LogModel
from tests.log_model.strategies import Span
from tests.log_model.usage import Usage, is_near
from tests.stack_fixtures import Database
from tests.unit.openapi.test_documented_columns import COLUMNS as DOCUMENTED

HOUR, DAY = 3_600, 86_400
BEGINS_AT = 1_767_225_600 - DAY
ENDS_AT = BEGINS_AT + 2 * DAY
NAMES: dict[str, Callable[[LogRow], Any]] = {
    "workspace": lambda row: row.workspace_id or None,
    "project": lambda row: row.project_id,
    "key": lambda row: row.token_id or None,
    "user": lambda row: row.user_id or None,
    "provider": lambda row: row.provider_id,
    "model": lambda row: row.model_name or None,
}
COLUMNS = {
    "workspace": "workspace_id",
    "project": "project_id",
    "key": "api_key_id",
    "user": "user_id",
    "provider": "provider_id",
    "model": "model",
}
SAME = (
    *("request_count", "success_count", "error_count", "rate_limited_count", "cache_hit_count"),
    *("timeout_count", "error_4xx_count", "error_5xx_count", "suppressed_count"),
    *("disconnected_count", "total_request_bytes", "total_response_bytes", "total_tokens_input"),
    *("total_tokens_output", "total_tokens_cached", "returned_quota"),
)
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}
METRICS = ",".join(
    (
        *SAME,
        *("quota", "total_cost_cents", "avg_latency_ms", "min_latency_ms", "max_latency_ms"),
        *(f"{of}_{name}_ms" for of in ("latency", "first_byte") for name in PERCENTILES),
    )
)
SPAN = {"from": str(BEGINS_AT), "to": str(ENDS_AT)}


def assert_same(told: dict[str, Any], exact: Usage) -> None:
    """Sums to the unit, percentiles within the sketch's bound."""
    assert {name: told[name] for name in SAME} == {name: getattr(exact, name) for name in SAME}
    net = exact.quota - exact.returned_quota
    assert (told["quota"], told["total_cost_cents"]) == (net, str(to_cents(net)))
    latencies = exact.latencies_ms
    assert told["min_latency_ms"] == min(latencies, default=None)
    assert told["max_latency_ms"] == max(latencies, default=None)
    if latencies:
        assert told["avg_latency_ms"] == round(sum(latencies) / len(latencies))
    for name, share in PERCENTILES.items():
        assert is_near(told[f"latency_{name}_ms"], exact.latency_ms(share))
        assert is_near(told[f"first_byte_{name}_ms"], exact.first_byte_ms(share))
    if "unique_api_keys" in told and told["unique_api_keys"] is not None:
        assert told["unique_api_keys"] == exact.unique_api_keys


def added(rows: Iterable[LogRow], grain: int, by: Callable[[LogRow], Any]) -> dict[Any, Usage]:
    return model_usage.usage(rows, grain=grain, by=by)


@tries(8)
@given(
    batches=strategies.batches(Span(BEGINS_AT, 2 * DAY)),
    is_admin=st.booleans(),
    by=st.sampled_from(sorted(NAMES)),
)
async def test_any_rows(
    tables: Database,
    api: LogApi,
    pool: asyncpg.Pool,
    batches: list[list[LogRow]],
    *,
    is_admin: bool,
    by: str,
) -> None:
    owner = await asyncpg.connect(tables.dsn("logging_owner"))
    await emptied(owner)
    await owner.close()
    model, kept = LogModel(), Beside.over(pool, partition_hours=24)
    for slot, rows in enumerate(batches):
        model.ingest(rows)
        await ingest(pool, kept, rows, slot=slot)
    caller, rows = ADMIN, model.accepted
    if not is_admin:
        caller, rows = ADA, [row for row in rows if row.user_id == ADA.user_id]
    await check_series(api, caller, rows, by)
    await check_top(api, caller, rows, by)
    await check_summary(api, caller, rows)
    await check_tables(api, caller, rows, by)


async def check_series(api: LogApi, caller: Any, rows: list[LogRow], by: str) -> None:
    for interval, grain in (("hour", HOUR), ("day", DAY)):
        asked = {**SPAN, "interval": interval, "by": by, "metrics": METRICS}
        answer = await api.get("/api/usage/series", caller, asked)
        exact = added(rows, grain, NAMES[by])
        told = {
            (series[COLUMNS[by]], point["at"]): point
            for series in answer["data"]["series"]
            for point in series["points"]
        }
        assert {name for name, _ in told} == {name for name, _ in exact}
        for place, point in told.items():
            assert_same(point, exact.get(place, Usage()))
        answer = await api.get(
            "/api/usage/series",
            caller,
            {**SPAN, "interval": interval, "metrics": "unique_api_keys"},
        )
        exact = added(rows, grain, lambda _: None)
        for point in answer["data"]["series"][0]["points"]:
            expected = exact.get((None, point["at"]), Usage())
            assert point["unique_api_keys"] == expected.unique_api_keys


async def check_top(api: LogApi, caller: Any, rows: list[LogRow], by: str) -> None:
    """An hour at each end beside whole days."""
    asked = {"from": str(BEGINS_AT - HOUR), "to": str(ENDS_AT + HOUR), "by": by}
    data = (await api.get("/api/usage/top", caller, {**asked, "order": "requests"}))["data"]
    exact = {key: sums for (key, _), sums in added(rows, 10**12, NAMES[by]).items()}
    assert {item[COLUMNS[by]] for item in data["items"]} == set(exact)
    counts = [item["request_count"] for item in data["items"]]
    assert counts == sorted(counts, reverse=True)
    for item in data["items"]:
        assert_same(item, exact[item[COLUMNS[by]]])
        if by == "user":
            assert item["name"] in {row.username for row in rows if row.user_id == item["user_id"]}


async def check_summary(api: LogApi, caller: Any, rows: list[LogRow]) -> None:
    middle = BEGINS_AT + DAY + 5 * HOUR
    asked = {"from": str(middle), "to": str(ENDS_AT)}
    data = (await api.get("/api/usage/summary", caller, asked))["data"]
    before = 2 * middle - ENDS_AT
    late = added([row for row in rows if _at(row) >= middle], 10**12, lambda _: None)
    early = added([row for row in rows if before <= _at(row) < middle], 10**12, lambda _: None)
    assert_same(data["total"], next(iter(late.values()), Usage()))
    counted = next(iter(early.values()), Usage())
    assert {name: data["before"][name] for name in SAME} == {
        name: getattr(counted, name) for name in SAME
    }


async def check_tables(api: LogApi, caller: Any, rows: list[LogRow], by: str) -> None:
    for table, grain in (("hourly", HOUR), ("daily", DAY)):
        bucket = "hour" if table == "hourly" else "day"
        items = await pages(api, caller, table, {})
        exact = added(rows, grain, model_usage.by_key)
        keys = [
            (
                (
                    item["workspace_id"] or 0,
                    item["api_key_id"] or 0,
                    item["provider_id"] or 0,
                    item["project_id"] or 0,
                    item["model"] or "",
                ),
                item[bucket],
            )
            for item in items
        ]
        assert len(keys) == len(set(keys))
        assert set(keys) == {(tuple(key), at) for key, at in exact}
        assert [item[bucket] for item in items] == sorted((at for _, at in keys), reverse=True)
        for key, item in zip(keys, items, strict=True):
            found = exact[model_usage.UsageKey(*key[0]), key[1]]
            assert_same(item, found)
            check_peak(item, found)
        grouped = added(rows, grain, NAMES[by])
        items = await pages(api, caller, table, {"by": by})
        assert {(item[COLUMNS[by]], item[bucket]) for item in items} == set(grouped)
        for item in items:
            assert_same(item, grouped[item[COLUMNS[by]], item[bucket]])
            check_peak(item, grouped[item[COLUMNS[by]], item[bucket]])


def check_peak(item: dict[str, Any], exact: Usage) -> None:
    if "day" in item:
        peak = exact.peak_hour or (None, 0)
        assert (item["peak_hour"], item["peak_hour_requests"]) == peak
    else:
        assert item["max_latency_p95_ms"] == item["latency_p95_ms"]


async def pages(
    api: LogApi, caller: Any, table: str, params: dict[str, str]
) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        asked = {**SPAN, **params, "page_size": "5", "cursor": cursor}
        data = (await api.get(f"/api/usage/{table}", caller, asked))["data"]
        items += data["items"]
        if data["next_cursor"] is None:
            return items
        cursor = data["next_cursor"]


def _at(row: LogRow) -> int:
    return row.created_at if row.bucket_at is None else row.bucket_at


async def test_every_column_of_the_source_is_in_the_answers(
    api: LogApi, pool: asyncpg.Pool
) -> None:
    row = LogRow(
        event_id="01a2073f-ffd9-71b5-9d24-000000000001",
        workspace_id=7,
        user_id=ADA.user_id,
        created_at=BEGINS_AT,
        type=2,
        content="API call succeeded",
        token_id=70,
        group="default",
        outcome="succeeded",
        latency_ms=5,
    )
    await ingest(pool, Beside.over(pool, partition_hours=24), [row])
    for table in ("hourly", "daily"):
        [item] = await pages(api, ADA, table, {})
        assert set(DOCUMENTED[f"usage_{table}"].split()) <= set(item)
