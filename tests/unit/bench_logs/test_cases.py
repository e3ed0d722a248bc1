from dataclasses import replace

from operations.bench_logs.asked import Case, Known
from operations.bench_logs.cases import log_cases
from operations.bench_logs.usage_cases import usage_cases
from operations.seed_logs.history import History

_HISTORY = History(rows=100_000, days=60, until=1_790_000_000, users=500)


def made(total: int = 100_000, days: int = 60) -> list[Case]:
    known = Known(
        history=replace(_HISTORY, days=days),
        total=total,
        own_total=5_000,
        request_ids=("a", "b"),
        upstream_request_ids=("c",),
        cursors=("d",),
    )
    return [*log_cases(known), *usage_cases(known)]


def test_each_case_asks_for_something_and_has_a_name_of_its_own() -> None:
    titles = [case.title for case in made()]
    assert len(set(titles)) == len(titles)
    assert all(case.variants for case in made())
    assert len(made(days=1)) == len(titles)


def test_pages_far_back_are_within_the_list() -> None:
    for total in (0, 1, 19, 21, 100_000):
        [deep] = [case for case in made(total) if case.title == "list: a page far back"]
        assert all(
            1 <= int(call.parameters["p"]) <= max(1, -(-total // 20)) for call in deep.variants
        )


def test_spans_lie_in_the_history_and_on_no_border() -> None:
    [spans] = [case for case in made() if case.title == "list: a week, from and to within an hour"]
    for call in spans.variants:
        begin, end = call.parameters["start_timestamp"], call.parameters["end_timestamp"]
        assert _HISTORY.begins_at <= int(begin) < int(end)
    assert any(int(call.parameters["start_timestamp"]) % 3600 for call in spans.variants)
