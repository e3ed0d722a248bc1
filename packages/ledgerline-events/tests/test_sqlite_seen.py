"""What was seen is remembered with what was done about it, or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledgerline_events import SqliteSeen
from made import made_event, made_id

_NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "seen.db")) as opened:
        yield opened


def test_an_event_is_new_once(database: sqlite3.Connection) -> None:
    seen = SqliteSeen(database)
    with database:
        assert seen.is_new(made_event("a"))
        assert not seen.is_new(made_event("a"))
        assert seen.is_new(made_event("a", topic="billing.ledger"))
    assert not SqliteSeen(database).is_new(made_event("a")), "another start of the program"


def test_what_was_rolled_back_was_not_seen(database: sqlite3.Connection) -> None:
    seen = SqliteSeen(database)

    def do_half() -> None:
        with database:
            assert seen.is_new(made_event("a"))
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011  # the one that is raised above
        do_half()
    assert seen.is_new(made_event("a"))


def test_what_is_too_old_to_come_again_is_forgotten(database: sqlite3.Connection) -> None:
    seen = SqliteSeen(database)
    moments = [_NOON - timedelta(milliseconds=1), _NOON, _NOON + timedelta(days=1)]
    with database:
        for moment in moments:
            assert seen.is_new(made_event(made_id(moment)))
        assert seen.forget_before(_NOON) == 1
        assert [seen.is_new(made_event(made_id(moment))) for moment in moments] == [
            *(True, False, False)
        ]
    with pytest.raises(ValueError, match="time zone"):
        seen.forget_before(datetime(2026, 1, 2))  # noqa: DTZ001  # that is what is refused
