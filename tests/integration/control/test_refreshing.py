import asyncio
from typing import Any

from services.control.client import CLIENT_ADDRESS_HEADER
from shared.events.audit import ActionTaken
from tests.integration.control.conftest import ROOT, Control, Person, follow, until

ENDED = {"success": False, "message": "the session has ended; sign in again"}
AFTER_THE_GRACE = "UPDATE sessions SET refreshed_at = refreshed_at - interval '11 seconds'"


async def _refresh(control: Control, token: str, **options: Any) -> tuple[int, Any]:
    return await control.send("POST", "/api/user/refresh", {"refresh_token": token}, **options)


async def _refreshed(control: Control, token: str) -> dict[str, Any]:
    status, answer = await _refresh(control, token)
    assert (status, answer["success"]) == (200, True), answer
    data: dict[str, Any] = answer["data"]
    return data


async def test_a_refresh_token_brings_the_next_two_tokens(root: Person) -> None:
    control = root.control
    before = root.login
    after = await _refreshed(control, before["refresh_token"])
    assert control.headers["Cache-Control"] == "no-store"
    assert after["expires_at"] == before["expires_at"], "the session is no longer for it"
    assert 0 <= after["token_expiry"] - before["token_expiry"] <= 60
    assert await control.assertion("session", after["session_token"]) is not None
    assert await control.assertion("session", before["session_token"]) is None
    assert await control.metric('ledgerline_control_refreshes_total{result="rotated"}') == 1


async def test_a_refresh_token_signs_nobody_in(root: Person) -> None:
    assert await root.control.assertion("session", root.login["refresh_token"]) is None


async def test_the_cookie_of_a_browser_is_as_good(root: Person) -> None:
    control = root.control
    await control.log_in(*ROOT)
    given = control.cookies["ledgerline_refresh"]
    assert given["httponly"]
    assert (given["samesite"], given["path"]) == ("Strict", "/api/user/refresh")
    assert int(given["max-age"]) > 29 * 86400
    cookie = {"Cookie": f"ledgerline_refresh={given.value}"}
    status, answer = await control.send("POST", "/api/user/refresh", headers=cookie)
    assert (status, answer["success"]) == (200, True)
    assert control.cookies["ledgerline_refresh"].value == answer["data"]["refresh_token"]
    assert control.cookies["ledgerline_session"].value == answer["data"]["session_token"]
    status, answer = await control.send("POST", "/api/user/refresh")
    assert (status, answer["success"]) == (200, False)
    assert "refresh_token is needed" in answer["message"]


async def test_a_client_that_lost_the_answer_gets_it_again(root: Person) -> None:
    control = root.control
    first = await _refreshed(control, root.login["refresh_token"])
    assert await _refreshed(control, root.login["refresh_token"]) == first
    second = await _refreshed(control, first["refresh_token"])
    assert await control.assertion("session", second["session_token"]) is not None


async def test_a_race_of_twenty_has_one_outcome(root: Person) -> None:
    """One of them rotates; the rest, within the grace, hear of the same two tokens."""
    control = root.control
    token = root.login["refresh_token"]
    answers = await asyncio.gather(*(_refreshed(control, token) for _ in range(20)))
    assert len({(answer["session_token"], answer["refresh_token"]) for answer in answers}) == 1
    assert await control.metric('ledgerline_control_refreshes_total{result="rotated"}') == 1
    assert await control.metric('ledgerline_control_refreshes_total{result="repeated"}') == 19
    (count,) = await control.rows("SELECT count(*) FROM refresh_tokens")
    assert count["count"] == 2
    assert await control.assertion("session", answers[0]["session_token"]) is not None


async def test_a_reused_token_ends_the_whole_family_and_is_audited(root: Person) -> None:
    control = root.control
    other = await control.log_in(*ROOT)
    stolen = root.login["refresh_token"]
    present = await _refreshed(control, stolen)
    await control.rows(AFTER_THE_GRACE)
    async with follow(control, "audit.actions") as followed:
        before = len(followed.all)
        address = {CLIENT_ADDRESS_HEADER: "192.0.2.66"}
        assert await _refresh(control, stolen, headers=address) == (401, ENDED)
        await until(lambda: len(followed.all) > before)
        told = ActionTaken.model_validate_json(followed.all[-1].value or b"")
    assert (told.action, told.client_address) == ("session.revoke", "192.0.2.66")
    assert told.changes == {"revoked_reason": "refresh_token_reused"}
    assert await control.assertion("session", present["session_token"]) is None
    assert await _refresh(control, present["refresh_token"]) == (401, ENDED)
    assert await control.assertion("session", other.session) is not None, "of another login"
    assert await control.metric('ledgerline_control_refreshes_total{result="reused"}') == 1
    (row,) = await control.rows("SELECT revoked_reason FROM sessions WHERE revoked_at IS NOT NULL")
    assert row["revoked_reason"] == "refresh_token_reused"


async def test_only_the_immediate_predecessor_has_a_grace(root: Person) -> None:
    first = root.login["refresh_token"]
    second = (await _refreshed(root.control, first))["refresh_token"]
    third = (await _refreshed(root.control, second))["refresh_token"]
    assert await _refresh(root.control, first) == (401, ENDED)
    assert await _refresh(root.control, third) == (401, ENDED)


async def test_a_race_of_twenty_with_a_stolen_token_ends_it_once(root: Person) -> None:
    control = root.control
    stolen = root.login["refresh_token"]
    present = await _refreshed(control, stolen)
    await control.rows(AFTER_THE_GRACE)
    answers = await asyncio.gather(*(_refresh(control, stolen) for _ in range(20)))
    assert {status for status, _ in answers} == {401}
    assert await _refresh(control, present["refresh_token"]) == (401, ENDED)
    assert await control.metric('ledgerline_control_refreshes_total{result="reused"}') == 1


async def test_what_ends_a_session_ends_its_refresh_token(root: Person, user: Person) -> None:
    control = root.control
    unknown = await _refresh(control, "x" * 43)
    assert unknown == (401, ENDED), "no more is told of one that never was"
    await root.do("GET", "/api/user/logout")
    assert await _refresh(control, root.login["refresh_token"]) == (401, ENDED)
    again = await control.log_in(*ROOT)
    await again.do("PUT", f"/api/user/{user.login['id']}", {"status": 2})
    assert await _refresh(control, user.login["refresh_token"]) == (401, ENDED)
    await control.rows("UPDATE sessions SET expires_at = now() WHERE revoked_at IS NULL")
    assert await _refresh(control, again.login["refresh_token"]) == (401, ENDED)


async def test_tokens_are_kept_as_hashes_alone(root: Person) -> None:
    after = await _refreshed(root.control, root.login["refresh_token"])
    kept = [
        await root.control.rows(f"SELECT t::text FROM {table} AS t")
        for table in ("sessions", "refresh_tokens", "event_outbox", "users")
    ]
    for login in (root.login, after):
        for name in ("session_token", "refresh_token"):
            assert login[name] not in str(kept)
            assert login[name].encode().hex() not in str(kept)
