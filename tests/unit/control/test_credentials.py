from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.control.sessions.credentials import CredentialKind, Refusal, judge
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
KEY: dict[str, Any] = {**OWNER, "key_id": 5, "key_status": 1, "allow_ips": []}


def _judge(
    kind: CredentialKind, row: dict[str, Any] | None, *, address: str = "192.0.2.1"
) -> Caller | Refusal:
    return judge(kind, row, now=NOW, client_address=address)


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


@pytest.mark.parametrize(
    ("address", "is_refused"),
    [("192.0.2.1", False), ("203.0.113.7", False), ("192.0.2.2", True), ("", True), ("x", True)],
)
def test_a_key_reads_its_own_rows_from_its_addresses_only(address: str, is_refused: bool) -> None:
    row = {**KEY, "allow_ips": ["192.0.2.1", "203.0.113.0/24"]}
    judged = _judge(CredentialKind.KEY, row, address=address)
    assert (judged is Refusal.ADDRESS) is is_refused
    assert isinstance(_judge(CredentialKind.KEY, KEY, address=address), Caller), "from anywhere"
