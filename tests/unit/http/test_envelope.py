"""The envelope of `/api`: every failure has one shape, and quotes nothing of the caller's."""

from typing import Annotated, Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.http.envelope import EnvelopeError, envelope_errors, read_body, read_query, succeed
from tests.unit.http.apps import served_app

MARKER = "zebra-7f3a"


class Thing(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    name: Annotated[str, Field(max_length=5)]
    size: int = 1

    @field_validator("size")
    @classmethod
    def _check(cls, size: int) -> int:
        if size < 0:
            raise ValueError("nothing is that small")
        return size


async def handle(request: web.Request) -> web.Response:
    match request.path:
        case "/body":
            return succeed((await read_body(request, Thing)).model_dump())
        case "/query":
            return succeed(read_query(request, Thing).model_dump())
        case "/refused":
            raise EnvelopeError("not yours", http_status=403)
        case "/wrong":
            raise EnvelopeError("not like this")
        case "/http":
            raise web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2)
        case _:
            raise RuntimeError(f"broke on {MARKER}")


async def ask(path: str, **options: Any) -> tuple[int, Any]:
    app = web.Application(middlewares=[envelope_errors])
    app.router.add_route("*", "/{path:known|body|query|refused|wrong|http|broken}", handle)
    async with (
        served_app(app) as url,
        aiohttp.ClientSession(url) as session,
        session.post(path, **options) as answer,
    ):
        text = await answer.text()
        assert MARKER not in text
        assert answer.content_type == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/refused", 403, "not yours"),
        ("/wrong", 200, "not like this"),
        ("/http", 413, "request entity too large"),
        ("/broken", 500, "internal error"),
        ("/missing", 404, "not found"),
    ],
)
async def test_a_failure_has_its_status_and_its_message(
    path: str, status: int, message: str
) -> None:
    assert await ask(path) == (status, {"success": False, "message": message})


async def test_a_method_that_a_call_does_not_take_is_told_with_those_that_it_takes() -> None:
    app = web.Application(middlewares=[envelope_errors])
    app.router.add_get("/things", handle)
    app.router.add_put("/things", handle)
    async with served_app(app) as url, aiohttp.ClientSession(url) as session:
        for method in ("DELETE", "OPTIONS", "TRACE"):
            async with session.request(method, "/things") as answer:
                assert answer.status == 405
                assert answer.headers["Allow"] == "GET, HEAD, PUT"
                assert await answer.json() == {"success": False, "message": "method not allowed"}


async def test_success() -> None:
    data = {"name": "a", "size": 2}
    assert await ask("/body", json=data) == (200, {"success": True, "message": "", "data": data})


async def test_wrong_fields_are_named_without_their_values() -> None:
    status, told = await ask("/body", json={"name": MARKER, "size": "x"})
    assert status == 200
    assert not told["success"]
    assert "name: " in told["message"]
    assert "size: " in told["message"]


async def test_a_sentence_of_our_own_is_told_as_it_is() -> None:
    _, told = await ask("/query", params={"name": "a", "size": "-1"})
    assert told["message"] == "invalid request: size: nothing is that small"


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"{", MARKER.encode(), b"\xff"])
async def test_a_body_that_is_none_is_told(body: bytes) -> None:
    status, told = await ask("/body", data=body)
    assert (status, told["success"]) == (200, False)
    assert told["message"].startswith("invalid request: ")


async def test_a_parameter_that_occurs_twice_counts_the_first_time() -> None:
    _, told = await ask("/query?name=one&name=two")
    assert told["data"]["name"] == "one"


ELSEWHERE = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize(
    "page",
    [
        ELSEWHERE,
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
async def test_another_sites_page_sends_no_body_without_being_asked_first(
    page: dict[str, str], content_type: str | None
) -> None:
    """A form with `{"name": "` as a field's name is JSON to who does not look at its type."""
    headers = {**page, **({"Content-Type": content_type} if content_type else {})}
    answer = await ask(
        "/body", data=b'{"name": "x"}', headers=headers, skip_auto_headers=["Content-Type"]
    )
    refused = {"success": False, "message": "a page must send the body as application/json"}
    assert answer == (200, refused)


@pytest.mark.parametrize(
    ("headers", "content_type"),
    [
        *(({}, content_type) for content_type in TYPES),
        *(({"Sec-Fetch-Site": "same-origin", "Origin": "https://own"}, each) for each in TYPES),
        (ELSEWHERE, "application/json"),
        (ELSEWHERE, "application/json; charset=utf-8"),
    ],
)
async def test_tools_and_own_pages_may_call_their_json_what_they_like(
    headers: dict[str, str], content_type: str | None
) -> None:
    named = {**headers, **({"Content-Type": content_type} if content_type else {})}
    answer = await ask(
        "/body", data=b'{"name": "x"}', headers=named, skip_auto_headers=["Content-Type"]
    )
    assert answer[1]["data"] == {"name": "x", "size": 1}
    assert (await ask("/body", headers=ELSEWHERE))[1][
        "message"
    ] == "invalid request: name: Field required"
