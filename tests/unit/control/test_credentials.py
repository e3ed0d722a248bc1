from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.control.credentials import CredentialKind, Refusal, judge
from shared.events.directory import Role
from shared.http.assertions import Caller

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = {"user_id": 7, "username": "ada", "role": 10, "user_status": 1, "workspace_id": 9}
SESSION = {
    **OWNER,
    "session_id": 3,
    "revoked_at": None,
    "expires_at": NOW + timedelta(days=1),
    "token_expires_at": NOW + timedelta(seconds=1),
}
KEY = {**OWNER, "key_id": 5, "key_status": 1}


def _judge(kind: CredentialKind, row: dict[str, Any] | None) -> Caller | Refusal:
    return judge(kind, row, now=NOW)


def test_who_calls() -> None:
    caller = _judge(CredentialKind.SESSION, SESSION)
    assert isinstance(caller, Caller)
    assert (caller.user_id, caller.role, caller.session_id, caller.key_id) == (
        7,
        Role.ADMIN,
        3,
        None,
    )
    assert caller.is_admin
    key = _judge(CredentialKind.KEY, KEY)
    assert isinstance(key, Caller)
    assert (key.key_id, key.session_id, key.is_admin) == (5, None, False)
    token = _judge(CredentialKind.ACCESS_TOKEN, OWNER)
    assert isinstance(token, Caller)
    assert (token.workspace_id, token.key_id, token.session_id) == (9, None, None)


@pytest.mark.parametrize("kind", list(CredentialKind))
def test_a_secret_that_nobody_has(kind: CredentialKind) -> None:
    assert _judge(kind, None) is Refusal.UNKNOWN


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": NOW},
        {"expires_at": NOW},
        {"token_expires_at": NOW},
    ],
)
def test_a_session_that_has_ended(change: dict[str, Any]) -> None:
    assert _judge(CredentialKind.SESSION, {**SESSION, **change}) is Refusal.ENDED


def test_a_disabled_user_is_nobody_by_whatever_secret() -> None:
    for kind, row in (
        (CredentialKind.SESSION, SESSION),
        (CredentialKind.ACCESS_TOKEN, OWNER),
        (CredentialKind.KEY, KEY),
    ):
        assert _judge(kind, {**row, "user_status": 2}) is Refusal.DISABLED


@pytest.mark.parametrize(("status", "is_refused"), [(1, False), (2, True), (3, False), (4, False)])
def test_an_expired_or_exhausted_key_may_read_its_own_rows(status: int, is_refused: bool) -> None:
    judged = _judge(CredentialKind.KEY, {**KEY, "key_status": status})
    assert (judged is Refusal.DISABLED) is is_refused
