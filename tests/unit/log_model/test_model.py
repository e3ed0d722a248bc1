"""The model is what others are compared with: here it is compared with what anyone can count."""

from services.logging.listing.filters import Filters, Page
from services.logging.rows.rows import LogRow
from tests.log_model.model import LogModel, ModelStats, Total
from tests.log_model.row_rules import is_named
from tests.log_model.usage import by_key, exact_quantile, is_near, usage

_HOUR = 3600


def row(number: int, created_at: int, **changes: object) -> LogRow:
    values: dict[str, object] = {
        "workspace_id": 7,
        "user_id": 700,
        "type": 2,
        "content": "API call succeeded",
        "username": "ada",
        "model_name": "gpt-4o",
        "quota": 10,
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "token_id": 70,
        "group": "default",
        "outcome": "succeeded",
        "status_code": 200,
        "latency_ms": 100,
    }
    return LogRow(
        event_id=f"00000000-0000-4000-8000-{number:012d}",
        created_at=created_at,
        **(values | changes),  # type: ignore[arg-type]  # a column's own type, by its name
    )


def filled() -> LogModel:
    model = LogModel()
    model.ingest([row(number, 1000 + number // 2) for number in range(10)])
    return model


def test_a_repeated_event_is_one_row_and_an_old_one_is_refused() -> None:
    model = filled()
    assert model.delete_before(1002, now=9000) == 4

    taken = model.ingest([row(1, 1000), row(9, 1004), row(10, 1002), row(10, 1002)])

    assert [len(part) for part in taken] == [1, 2, 1]
    assert model.total(Filters()) == Total(7, 70, 49)
    assert len(model.accepted) == 11


def test_a_target_in_the_future_refuses_nothing_that_comes_after_now() -> None:
    model = filled()
    assert model.delete_before(99_999, now=1003) == 6
    assert model.ingest([row(10, 1003)]).refused == []


def test_one_workspace_s_deletion_leaves_the_others() -> None:
    model = filled()
    model.ingest([row(20, 1000, workspace_id=8)])
    assert model.delete_of_workspace(7, 1002, now=9000) == 4
    assert [each.row.workspace_id for each in model.matching(Filters(end_timestamp=1001))] == [8]
    assert len(model.ingest([row(0, 1000), row(21, 1000, workspace_id=8)]).refused) == 1


def test_pages_are_newest_first_and_a_cursor_goes_on_where_they_end() -> None:
    model = filled()
    first = model.page(Filters(), Page(number=1, size=3))
    second = model.page(Filters(), Page(number=2, size=3))
    assert [each.id for each in first + second] == [10, 9, 8, 7, 6, 5]
    assert model.after(Filters(), first[-1].place, 3) == second
    assert model.page(Filters(), Page(number=5, size=3)) == []


def test_statistics_are_of_the_range_and_of_the_last_minute() -> None:
    model = filled()
    model.ingest(
        [
            row(20, 1000, type=4, outcome="failed"),
            row(21, 1001, type=2, group="", quota=-5, bucket_at=1000, prompt_tokens=0),
        ]
    )
    assert model.stats(Filters(end_timestamp=1001), now=1002) == ModelStats(35, 7, 49)
    assert model.stats(Filters(type=4), now=5000) == ModelStats(0, 0, 0)


def test_usage_outlives_its_rows_and_a_refund_counts_to_its_charges_hour() -> None:
    model = LogModel()
    model.ingest([row(1, 10), row(2, _HOUR + 1, latency_ms=300), row(3, _HOUR + 2, token_id=71)])
    model.ingest([row(4, 9 * _HOUR, group="", quota=-4, bucket_at=20, latency_ms=None)])
    model.delete_before(10 * _HOUR, now=20 * _HOUR)

    hours = usage(model.accepted, grain=_HOUR, by=by_key)
    assert sorted((key.api_key_id, hour) for key, hour in hours) == [
        (70, 0),
        (70, _HOUR),
        (71, _HOUR),
    ]
    assert hours[by_key(row(1, 10)), 0].returned_quota == 4
    [(_, day)] = usage(model.accepted, grain=86400, by=lambda each: each.user_id).items()
    assert (day.request_count, day.quota, day.unique_api_keys) == (3, 30, 2)
    assert day.peak_hour == (1, 2)
    assert day.latency_ms(0.5) == 100


def test_quantiles_are_the_values_at_their_rank() -> None:
    assert [exact_quantile(range(101), share) for share in (0, 0.5, 0.99, 1)] == [0, 50, 99, 100]
    assert exact_quantile([], 0.5) is None
    assert is_near(101, 100)
    assert not is_near(103, 100)
    assert not is_near(None, 100)


def test_a_wildcard_is_any_run_of_characters() -> None:
    assert all(
        is_named("gpt-4o-mini", each) for each in ("gpt%", "%mini", "g%4o%i", "%", "gpt-4o-mini")
    )
    assert not any(is_named("gpt-4o", each) for each in ("gpt", "%mini", "g%4o%o", "gpt_4o", ""))
