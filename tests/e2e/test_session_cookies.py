"""A browser's life with its two cookies, through the public door."""

import asyncio
from typing import Any

import aiohttp
from yarl import URL

from deploy.local.stack import Stack
from tests.gateway.operator import Operator

REMEMBERED_S = 5.0


async def test_a_browser_refreshes_with_cookies_alone(stack: Stack, operator: Operator) -> None:
    """The door strips every cookie but this one, from every call but this one."""
    customer = await operator.customer(quota_units=0)
    login = {"username": customer.username, "password": customer.password}
    # Unsafe: the address is an IP address here, for which a jar else keeps nothing.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(stack.relay_url(), cookie_jar=jar) as browser:

        async def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            async with browser.request(method, path, json=body) as response:
                return response.status, await response.json()

        assert (await call("POST", "/api/user/login", login))[1]["success"]
        first = _session_cookie(jar, stack)
        status, answer = await call("GET", "/api/user/self")
        assert (status, answer["data"]["username"]) == (200, customer.username)
        status, answer = await call("POST", "/api/user/refresh")
        assert (status, answer["success"]) == (200, True)
        assert _session_cookie(jar, stack) == answer["data"]["session_token"] != first
        status, answer = await call("GET", "/api/user/sessions")
        (session,) = (item for item in answer["data"]["items"] if item["is_current"])
        assert session["ip_address"] == "127.0.0.1"
        assert (await call("GET", "/api/user/logout"))[1]["success"]
        assert _session_cookie(jar, stack) is None
        assert (await call("POST", "/api/user/refresh"))[1]["success"] is False
        assert (await call("GET", "/api/user/self"))[0] == 401


async def test_a_session_that_was_ended_is_refused_after_what_is_remembered(
    operator: Operator,
) -> None:
    customer = await operator.customer(quota_units=0)
    lost, kept = [await operator.sign_in(customer.username, customer.password) for _ in range(2)]
    assert (await operator.answer("GET", "/api/user/self", token=lost))[0] == 200
    sessions = await operator.call("GET", "/api/user/sessions", token=kept)
    lost_id = next(item["id"] for item in sessions["items"] if not item["is_current"])
    await operator.call("DELETE", f"/api/user/sessions/{lost_id}", token=kept)
    loop = asyncio.get_running_loop()
    ended_at = loop.time()
    while (await operator.answer("GET", "/api/user/self", token=lost))[0] == 200:
        assert loop.time() - ended_at < REMEMBERED_S + 5  # what a busy machine needs
        await asyncio.sleep(0.05)


def _session_cookie(jar: aiohttp.CookieJar, stack: Stack) -> str | None:
    cookie = jar.filter_cookies(URL(stack.relay_url())).get("ledgerline_session")
    return None if cookie is None else cookie.value
