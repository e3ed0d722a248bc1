"""`/api/*`: passed on to its owner with control's word for who calls, and no credential."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from services.relay.answering.passing import REQUEST_ID_HEADER
from services.relay.api.door import Door, Owner
from services.relay.api.signing_in import SigningIn
from shared.http.envelope import envelope_errors
from shared.http.internal_client import InternalClient
from tests.unit.http.apps import served_handler

ACCESS_TOKEN = "t" * 32
KEY = "sk-" + "k" * 48
SESSION_S = 0.2
"""What the session that the door is given has for a whole call."""


@dataclass
class House:
    """A door, an owner behind it, and a control that takes note of what it is asked."""

    url: str = ""
    owner_url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    got: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=lambda: {"assertion": "signed", "user_id": 7})
    control_status: int = 200
    client_address: str = "192.0.2.9"
    door: Door | None = None
    is_left: asyncio.Event = field(default_factory=asyncio.Event)
    """The one who answers without an end has noticed that nobody listens."""

    async def control(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer relay:s"
        self.asked.append(await request.json())
        return web.json_response(self.answer, status=self.control_status)

    async def owner(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/slow"):
            slow = web.StreamResponse()
            await slow.prepare(request)
            for _ in range(4):
                await slow.write(b"piece")
                await asyncio.sleep(SESSION_S)
            return slow
        if request.path.endswith("/endless"):
            endless = web.StreamResponse()
            await endless.prepare(request)
            with suppress(ConnectionError):
                while True:
                    await endless.write(b"piece" * 10_000)
            self.is_left.set()
            return endless
        if request.path.endswith("/stream"):
            stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await stream.prepare(request)
            await stream.write(b"data: 1\n\n")
            while request.transport is not None:
                await asyncio.sleep(0.005)
            self.is_left.set()
            return stream
        if request.path.endswith("/cut"):
            cut = web.StreamResponse(headers={"Set-Cookie": "a=1"})
            await cut.prepare(request)
            await cut.write(b"half")
            assert request.transport is not None
            request.transport.close()
            return cut
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((request.method, request.raw_path, headers, await request.read()))
        return web.Response(body=b"answer", status=207, headers={"X-Own": "1", "Set-Cookie": "a=1"})

    async def ask(self, path: str, method: str = "GET", **options: Any) -> tuple[int, bytes]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, URL(self.url + path, encoded=True), **options) as answer,
        ):
            assert answer.status != 207 or answer.headers[REQUEST_ID_HEADER]
            return answer.status, await answer.read()

    @property
    def headers(self) -> dict[str, str]:
        return self.got[-1][2]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    async with (
        AsyncExitStack() as stack,
        served_handler(made.owner) as (owner_url, session),
        served_handler(made.control) as (control_url, _),
    ):
        control = InternalClient(session=session, base_url=control_url, caller="relay", secret="s")
        passing = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SESSION_S))
        )
        made.owner_url = owner_url
        door = Door(
            owners={
                "/api/log": Owner("logging", owner_url),
                "/api/user": Owner("control", owner_url),
                "/api/gone": Owner("billing", "http://127.0.0.1:9"),
            },
            sign_in=SigningIn(control),
            session=passing,
            client_address=lambda _: made.client_address,
            client_idle_s=SESSION_S,
        )

        made.door = door

        async def through(request: web.Request) -> web.StreamResponse:
            return await envelope_errors(request, door.handle)

        async with served_handler(through) as (made.url, _):
            yield made


async def test_a_call_goes_to_its_owner_as_it_came(house: House) -> None:
    path = "/api/log/self?page=1&name=a%2Fb"
    assert await house.ask(path, "PUT", data=b"body" * 50_000) == (207, b"answer")
    method, raw_path, headers, body = house.got[-1]
    assert (method, raw_path, body) == ("PUT", path, b"body" * 50_000)
    assert headers["x-ledgerline-client-address"] == "192.0.2.9"
    assert "x-ledgerline-assertion" not in headers
    assert house.asked == []


async def test_an_answer_may_take_as_long_as_it_goes_on(house: House) -> None:
    """A ledger's export does: only an owner that says nothing is given up."""
    assert await house.ask("/api/log/slow") == (200, b"piece" * 4)


async def test_a_client_that_takes_nothing_is_let_go_and_its_owner_with_it(house: House) -> None:
    """A stream's owner would never hear of it: the door takes what comes, up to its buffers."""
    url = URL(house.url)
    _, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    writer.write(b"GET /api/log/endless HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(30):
        await house.is_left.wait()
    writer.close()


async def test_a_relay_that_stops_waits_for_no_stream(house: House) -> None:
    """It would go on for minutes; whoever watches connects again."""
    assert house.door is not None
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{house.url}/api/log/stream", timeout=aiohttp.ClientTimeout(30)) as answer,
    ):
        assert await answer.content.readline() == b"data: 1\n"
        house.door.end_streams()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_stream_that_says_nothing_ends_with_its_client(house: House) -> None:
    """Only what is written finds out that a client has left; until then it counts as a stream."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{house.url}/api/log/stream", timeout=aiohttp.ClientTimeout(30)) as answer,
    ):
        assert await answer.content.readline() == b"data: 1\n"
        answer.close()
        async with asyncio.timeout(30):
            await house.is_left.wait()


async def test_a_target_with_a_host_leads_to_the_owner_and_not_to_that_host(house: House) -> None:
    url = URL(house.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = "GET http://elsewhere.invalid/api/log/self?name=a%2Fb HTTP/1.1\r\nHost: x\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 207 ")
    writer.close()
    assert house.got[-1][1] == "/api/log/self?name=a%2Fb"


@pytest.mark.parametrize(
    ("shown", "credential"),
    [
        ({"Authorization": f"Bearer {KEY}"}, ("key", KEY)),
        ({"Authorization": KEY}, ("key", KEY)),
        ({"Authorization": f"Bearer {ACCESS_TOKEN}"}, ("access_token", ACCESS_TOKEN)),
        ({"Authorization": "Bearer some-session"}, ("session", "some-session")),
        ({"Cookie": "a=1; ledgerline_session=mine"}, ("session", "mine")),
    ],
)
async def test_what_a_caller_shows_is_turned_into_an_assertion(
    house: House, shown: dict[str, str], credential: tuple[str, str]
) -> None:
    for _ in range(2):
        await house.ask("/api/log/", headers=shown)
    kind, value = credential
    told = {"credential": {"kind": kind, "value": value}, "audience": "logging"}
    assert house.asked == [{**told, "client_address": "192.0.2.9"}], "asked once, and remembered"
    assert house.headers["x-ledgerline-assertion"] == "signed"
    assert not {"authorization", "cookie"} & house.headers.keys()


async def test_what_was_said_of_a_key_holds_for_one_address(house: House) -> None:
    shown = {"Authorization": f"Bearer {KEY}"}
    assert (await house.ask("/api/log/token", headers=shown))[0] == 207
    house.answer = {"assertion": None, "reason": "address"}
    house.client_address = "192.0.2.10"
    for _ in range(2):
        status, body = await house.ask("/api/log/token", headers=shown)
        assert (status, b"not be used from this address" in body) == (403, True)
    assert [asked["client_address"] for asked in house.asked] == ["192.0.2.9", "192.0.2.10"]
    assert len(house.got) == 1
    house.client_address = "192.0.2.9"
    assert (await house.ask("/api/log/token", headers=shown))[0] == 207, "still remembered"


@pytest.mark.parametrize(
    ("site", "is_signed_in"),
    [("cross-site", False), ("same-site", True), ("same-origin", True), ("none", True)],
)
async def test_another_sites_page_does_not_act_in_the_name_of_who_visits_it(
    house: House, site: str, is_signed_in: bool
) -> None:
    shown = {"Cookie": "ledgerline_session=mine", "Sec-Fetch-Site": site}
    await house.ask("/api/user/token", headers=shown)
    assert ("x-ledgerline-assertion" in house.headers) is is_signed_in
    with_key = {"Authorization": f"Bearer {KEY}", "Sec-Fetch-Site": site}
    await house.ask("/api/log/token", headers=with_key)
    assert house.headers["x-ledgerline-assertion"] == "signed"


async def test_nobody_can_bring_an_assertion_of_their_own(house: House) -> None:
    forged = {
        "X-Ledgerline-Assertion": "forged",
        "x-ledgerline-client-address": "1.1.1.1",
        "X-LEDGERLINE-ANYTHING": "x",
        "X-Api-Key": "secret",
        "Proxy-Authorization": "secret",
        "X-Mine": "kept",
    }
    await house.ask("/api/log/", headers=forged)
    ours = {name: v for name, v in house.headers.items() if name.startswith("x-ledgerline-")}
    assert ours == {"x-ledgerline-client-address": "192.0.2.9"}
    assert not {"x-api-key", "proxy-authorization"} & house.headers.keys()
    assert house.headers["x-mine"] == "kept"


@pytest.mark.parametrize("path", ["/api/log/token", "/api/log/token/", "/api/log/%74oken"])
async def test_a_key_in_the_query_goes_no_further(house: House, path: str) -> None:
    await house.ask(f"{path}?page=2&key={KEY}&name=a%20b")
    assert house.asked[0]["credential"] == {"kind": "key", "value": KEY}
    raw_path = house.got[-1][1]
    assert KEY not in raw_path
    assert "key=" not in raw_path
    assert "page=2" in raw_path
    other = "sk-" + "o" * 48
    await house.ask(f"{path}?key={other}", headers={"Authorization": "Bearer some-session"})
    assert house.asked[-1]["credential"] == {"kind": "key", "value": other}
    assert other not in house.got[-1][1]


async def test_a_refresh_token_goes_on_with_its_one_call_and_no_other(house: House) -> None:
    shown = {"Cookie": "a=1; ledgerline_refresh=token-1_a; b=2"}
    await house.ask("/api/user/refresh", "POST", headers=shown)
    assert house.headers["cookie"] == "ledgerline_refresh=token-1_a"
    for path in ("/api/user/self", "/api/user/refresh/x", "/api/log/"):
        await house.ask(path, "POST", headers=shown)
        assert "cookie" not in house.headers
    await house.ask("/api/user/refresh", "POST", headers={"Cookie": 'ledgerline_refresh="a b"'})
    assert "cookie" not in house.headers


async def test_a_caller_that_control_does_not_know_goes_on_unsigned(house: House) -> None:
    house.answer = {"assertion": None}
    status, _ = await house.ask("/api/log/", headers={"Authorization": "Bearer unknown"})
    assert status == 207
    assert "x-ledgerline-assertion" not in house.headers


async def test_a_credential_that_is_no_text_is_none(house: House) -> None:
    for shown in ("Bearer sk-\xff\xfe", "Bearer schlüssel", "Bearer \ud83d\ude00"):
        raw = shown.encode("utf-8", "surrogatepass").decode("latin-1")
        assert (await house.ask("/api/log/", headers={"Authorization": raw}))[0] == 207
    assert house.asked == []


async def test_whom_a_tool_means_must_be_who_signed_in(house: House) -> None:
    shown = {"Authorization": f"Bearer {ACCESS_TOKEN}"}
    assert (await house.ask("/api/log/", headers={**shown, "New-Api-User": "7"}))[0] == 207
    assert (await house.ask("/api/log/", headers={**shown, "New-Api-User": "8"}))[0] == 401


async def test_without_control_nobody_is_signed_in(house: House) -> None:
    house.control_status = 500
    status, _ = await house.ask("/api/log/", headers={"Authorization": "Bearer x"})
    assert (status, house.got) == (503, [])
    assert (await house.ask("/api/log/"))[0] == 207


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/gone/x", 503), ("/api/logs", 404), ("/api/unknown", 404), ("/internal/x", 404)],
)
async def test_what_has_no_owner_or_cannot_be_reached(house: House, path: str, status: int) -> None:
    assert (await house.ask(path))[0] == status
    assert house.got == []


async def test_an_owners_answer_that_is_cut_is_cut(house: House) -> None:
    """And not followed by another answer in the same connection."""
    with pytest.raises(aiohttp.ClientPayloadError):
        await house.ask("/api/log/cut")
