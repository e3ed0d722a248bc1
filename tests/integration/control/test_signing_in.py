import time
from datetime import timedelta

import pytest

from shared.events.directory import Role
from shared.http.assertions import AssertionSigner, AssertionVerifier, Caller
from tests.integration.control.conftest import ROOT, Control, Person, run_create_root


async def test_root_is_made_once(control: Control) -> None:
    assert await run_create_root(control, *ROOT) == (0, "")
    code, complaint = await run_create_root(control, "second", "another password")
    assert code == 1
    assert "there is a root user already" in complaint
    (row,) = await control.rows("SELECT username, role, password, personal_workspace_id FROM users")
    assert (row["username"], row["role"]) == ("Root", 100)
    assert row["password"].startswith("$argon2id$")
    (member,) = await control.rows("SELECT workspace_id, role FROM workspace_members")
    assert (member["workspace_id"], member["role"]) == (row["personal_workspace_id"], "OWNER")


async def test_login_answers_a_session_that_says_who_calls(root: Person) -> None:
    assert root.login["username"] == "Root"
    assert root.login["role"] == 100
    assert root.login["expires_at"] > time.time() + 29 * 86400
    cookie = root.control.cookies["ledgerline_session"]
    assert cookie.value == root.session
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert cookie["max-age"] == "899"
    me = await root.do("GET", "/api/user/self")
    assert me["username"] == "Root"
    assert me["workspace_id"] >= 1
    assert me["last_login_at"] > 0
    kept = await root.control.rows("SELECT * FROM sessions")
    assert root.session not in str(kept)


@pytest.mark.parametrize(
    ("username", "password"),
    [("Root", "wrong password"), ("nobody", "root's long password"), ("", "")],
)
async def test_a_wrong_password_and_an_unknown_name_are_answered_alike(
    root: Person, username: str, password: str
) -> None:
    body = {"username": username, "password": password}
    status, answer = await root.control.send("POST", "/api/user/login", body)
    assert status == 200
    assert answer == {"success": False, "message": "wrong username or password"}
    assert not root.control.cookies
    assert 'ledgerline_control_logins_total{result="refused"} 1.0' in await root.control.text(
        "/metrics"
    )


async def test_names_differ_by_more_than_their_case(root: Person) -> None:
    again = await root.control.log_in("rOOT", ROOT[1])
    assert again.login["id"] == root.login["id"]
    new = {"username": "ROOT", "password": "12345678"}
    assert await root.refused("POST", "/api/user/", new) == "the username is taken"


async def test_a_logout_ends_that_session_and_no_other(root: Person) -> None:
    other = await root.control.log_in(*ROOT)
    await root.do("GET", "/api/user/logout")
    assert await root.control.assertion("session", root.session) is None
    assert await root.control.assertion("session", other.session) is not None


@pytest.mark.parametrize(
    "change",
    [
        "token_expires_at = now() - interval '1 second'",
        "expires_at = now() - interval '1 second'",
        "revoked_at = now()",
    ],
)
async def test_a_session_ends(root: Person, change: str) -> None:
    assert await root.control.assertion("session", root.session) is not None
    await root.control.rows(f"UPDATE sessions SET {change}")
    body = {"credential": {"kind": "session", "value": root.session}, "audience": "control"}
    _, answer = await root.control.internal("POST", "/internal/authenticate", body)
    assert answer == {"assertion": None, "reason": "ended"}


async def test_that_a_session_is_used_is_noted_once_a_minute(root: Person) -> None:
    await root.control.rows("UPDATE sessions SET last_active_at = now() - interval '800 seconds'")
    assert await root.control.assertion("session", root.session) is not None
    (first,) = await root.control.rows("SELECT last_active_at, now() AS now FROM sessions")
    assert first["now"] - first["last_active_at"] < timedelta(seconds=10)
    assert await root.control.assertion("session", root.session) is not None
    (second,) = await root.control.rows("SELECT last_active_at FROM sessions")
    assert second["last_active_at"] == first["last_active_at"]


async def test_an_access_token_signs_and_is_shown_once(root: Person) -> None:
    token = await root.do("GET", "/api/user/token")
    assert len(token) == 32
    assertion = await root.control.assertion("access_token", token)
    status, answer = await root.control.send("GET", "/api/user/self", assertion=assertion)
    assert (status, answer["data"]["username"]) == (200, "Root")
    newer = await root.do("GET", "/api/user/token")
    assert await root.control.assertion("access_token", token) is None
    assert await root.control.assertion("access_token", newer) is not None
    assert newer not in str(await root.control.rows("SELECT * FROM users"))


async def test_forged_expired_and_misdirected_assertions_are_refused(root: Person) -> None:
    control = root.control
    caller = Caller(user_id=root.login["id"], username="Root", role=Role.ROOT, workspace_id=1)
    forged = AssertionSigner(bytes(32)).sign(caller, audience="control")
    other = await control.assertion("session", root.session, audience="billing")
    genuine = await control.assertion("session", root.session)
    assert genuine is not None
    head, payload, signature = genuine.split(".")
    changed = f"{head}.{payload[:-2]}AA.{signature}"
    for assertion in (forged, other, changed, "x", "a.b.c"):
        status, answer = await control.send("GET", "/api/user/self", assertion=assertion)
        assert (status, answer["success"]) == (401, False)
    status, _ = await control.send("GET", "/api/user/self")
    assert status == 401


async def test_the_published_keys_verify_what_control_signs(root: Person) -> None:
    status, jwks = await root.control.internal("GET", "/internal/assertion-keys", caller="billing")
    assert status == 200
    assertion = await root.control.assertion("session", root.session, audience="billing")
    caller = AssertionVerifier.from_jwks(jwks, audience="billing").verify(assertion or "")
    assert (caller.username, caller.role, caller.key_id) == ("Root", Role.ROOT, None)


async def test_only_the_relay_authenticates(control: Control) -> None:
    body = {"credential": {"kind": "key", "value": "x"}, "audience": "control"}
    status, _ = await control.internal("POST", "/internal/authenticate", body, caller="billing")
    assert status == 403
    status, _ = await control.internal("POST", "/internal/authenticate", body, caller="nobody")
    assert status == 401
    status, _ = await control.internal("POST", "/internal/authenticate", {"credential": 1})
    assert status == 400
