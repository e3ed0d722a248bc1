from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.control.sessions.refresh_rules import RefreshResult, judge_refresh

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GRACE = timedelta(seconds=10)
SESSION = {
    "revoked_at": None,
    "expires_at": NOW + timedelta(days=1),
    "user_status": 1,
    "refresh_token_hash": b"present",
    "refreshed_at": NOW - timedelta(seconds=5),
}


def _judge(row: dict[str, Any] | None, shown: bytes, successor: bytes) -> RefreshResult:
    return judge_refresh(row, shown=shown, successor=successor, now=NOW, grace=GRACE)


def test_the_present_token_is_exchanged() -> None:
    assert _judge(SESSION, b"present", b"next") is RefreshResult.ROTATED


def test_its_predecessor_is_answered_alike_within_the_grace_and_ends_the_session_after() -> None:
    assert _judge(SESSION, b"before", b"present") is RefreshResult.REPEATED
    last_moment = {**SESSION, "refreshed_at": NOW - GRACE + timedelta(microseconds=1)}
    assert _judge(last_moment, b"before", b"present") is RefreshResult.REPEATED
    assert (
        _judge({**SESSION, "refreshed_at": NOW - GRACE}, b"before", b"present")
        is RefreshResult.REUSED
    )


def test_an_older_one_ends_the_session_at_once() -> None:
    assert _judge(SESSION, b"long ago", b"before") is RefreshResult.REUSED


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"revoked_at": NOW}, RefreshResult.ENDED),
        ({"expires_at": NOW}, RefreshResult.ENDED),
        ({"user_status": 2}, RefreshResult.DISABLED),
    ],
)
@pytest.mark.parametrize("shown", [b"present", b"before", b"long ago"])
def test_no_token_revives_a_session(
    shown: bytes, change: dict[str, Any], result: RefreshResult
) -> None:
    assert _judge({**SESSION, **change}, shown, b"present") is result


def test_a_token_that_nobody_was_given() -> None:
    assert _judge(None, b"x", b"y") is RefreshResult.UNKNOWN
