import asyncpg

from services.control.sessions.store_sessions import delete_ended_sessions
from tests.integration.control.conftest import ROOT, Person

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


async def test_sessions_are_listed_with_where_they_are(root: Person, user: Person) -> None:
    there = await root.control.log_in(*ROOT, address="192.0.2.7", user_agent=FIREFOX)
    page = await there.do("GET", "/api/user/sessions")
    assert (page["total"], page["page"]) == (2, 1)
    first, second = page["items"]
    assert (first["is_current"], second["is_current"]) == (True, False)
    assert first["ip_address"] == "192.0.2.7"
    assert first["device_info"] == "Firefox on Linux"
    assert first["user_agent"] == FIREFOX
    assert first["location"] is None
    assert first["expires_at"] > first["token_expiry"] >= first["last_active_at"]
    me = await there.do("GET", "/api/user/self")
    assert me["last_login_ip"] == "192.0.2.7"
    secrets = (there.session, there.login["refresh_token"], "hash")
    assert not [secret for secret in secrets if secret in str(page)]
    assert {item["user_id"] for item in (await user.do("GET", "/api/user/sessions"))["items"]} == {
        user.login["id"]
    }


async def test_one_session_can_be_ended_from_another(root: Person, user: Person) -> None:
    lost = await root.control.log_in(*ROOT)
    listed = (await lost.do("GET", "/api/user/sessions"))["items"]
    lost_id = next(item["id"] for item in listed if item["is_current"])
    assert await user.refused("DELETE", f"/api/user/sessions/{lost_id}") == "session not found"
    await root.do("DELETE", f"/api/user/sessions/{lost_id}")
    assert await root.control.assertion("session", lost.session) is None
    assert await root.refused("DELETE", f"/api/user/sessions/{lost_id}") == "session not found"
    assert (await root.do("GET", "/api/user/sessions"))["total"] == 1


async def test_logout_everywhere(root: Person, user: Person) -> None:
    others = [await root.control.log_in(*ROOT) for _ in range(2)]
    assert await root.do("POST", "/api/user/logout_all") == {"sessions": 3}
    assert {cookie.value for cookie in root.control.cookies.values()} == {""}
    for person in (root, *others):
        assert await root.control.assertion("session", person.session) is None
    assert await root.control.assertion("session", user.session) is not None


async def test_the_access_token_outlives_a_logout_and_can_be_taken_away(root: Person) -> None:
    token = await root.do("GET", "/api/user/token")
    await root.do("DELETE", "/api/user/token")
    assert await root.control.assertion("access_token", token) is None
    token = await root.do("GET", "/api/user/token")
    await root.do("POST", "/api/user/logout_all")
    assert await root.control.assertion("access_token", token) is not None


async def test_sessions_that_are_over_leave_the_tables(root: Person) -> None:
    await root.control.log_in(*ROOT)
    await root.control.rows("UPDATE sessions SET expires_at = now() - interval '1 second'")
    await root.control.log_in(*ROOT)
    async with asyncpg.create_pool(root.control.database.dsn("control"), min_size=1) as pool:
        await delete_ended_sessions(pool)
    assert len(await root.control.rows("SELECT FROM sessions")) == 1
    assert len(await root.control.rows("SELECT FROM refresh_tokens")) == 1
