"""Made history is what events are, and as skewed as it says."""

from collections import Counter
from itertools import pairwise

from operations.seed_logs.history import History, received
from operations.seed_logs.hours import HOUR_S, requests_by_hour
from services.logging.handlers import to_row
from services.logging.rows.rows import LogRow
from shared.events.requests import Outcome, RequestCompleted

_DAY = 24 * HOUR_S
_UNTIL = 1_790_000_000
_HISTORY = History(rows=6_000, days=20, until=_UNTIL, users=300)


def rows() -> list[LogRow]:
    records = (received(sent, offset) for offset, sent in enumerate(_HISTORY.records()))
    return [row for record in records if (row := to_row(record)) is not None]


def test_the_same_history_is_the_same_events() -> None:
    assert list(_HISTORY.records()) == list(_HISTORY.records())


def test_each_request_keeps_the_contract_and_has_an_id_of_its_own_time() -> None:
    requests = [
        RequestCompleted.model_validate_json(sent.value or b"")
        for sent in _HISTORY.records()
        if sent.topic == "relay.requests"
    ]

    assert len(requests) == len({each.request_id for each in requests}) == _HISTORY.rows
    for each in requests:
        ended_ms = int(each.request_id.replace("-", "")[:12], 16)
        assert abs(ended_ms - each.completed_at.timestamp() * 1000) < 1
        assert (each.outcome is Outcome.SUCCEEDED) == (each.error_code is None)


def test_a_few_rows_are_no_requests() -> None:
    kinds = Counter((row.type, row.group != "") for row in rows())

    assert kinds[1, False] == 6
    assert kinds[3, False] == 2
    assert kinds[2, False] + kinds[4, False] == 3
    assert 0.02 < kinds[4, True] / _HISTORY.rows < 0.06


def test_all_of_it_lies_in_its_days_and_a_hundredth_comes_late() -> None:
    ends = [row.created_at for row in rows() if row.group]
    late = sum(later < earlier - HOUR_S for earlier, later in pairwise(ends))

    assert min(ends) >= _HISTORY.begins_at
    assert max(ends) < _UNTIL
    assert 0.005 < late / len(ends) < 0.02


def test_few_users_keys_and_models_do_most() -> None:
    made = rows()

    for column, share in (("user_id", 0.3), ("model_name", 0.4), ("token_name", 0.3)):
        counts = Counter(getattr(row, column) for row in made)
        top = sum(count for _, count in counts.most_common(5))
        assert top / len(made) > share, column
        assert len(counts) > 30, column


def test_hours_sum_to_the_whole_and_a_workday_s_noon_is_busier_than_a_weekend_s_night() -> None:
    monday = 1_767_571_200  # 2026-01-05
    hours = dict(requests_by_hour(100_000, begins_at=monday, hours=7 * 24))

    assert sum(hours.values()) == 100_000
    assert min(hours) == monday
    assert hours[monday + 14 * HOUR_S] > 5 * hours[monday + 5 * _DAY + 2 * HOUR_S]
