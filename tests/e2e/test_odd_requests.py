"""What no client of ours sends, at every route: an answer in JSON, that is documented, and no 5xx.

Schemathesis keeps to what can be said in a schema; this is what cannot.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from deploy.local.stack import Stack
from tests.gateway.fuzzing_cast import STREAMS
from tests.gateway.operator import Operator

_HUGE = 10**30
_BODIES = {
    "nothing": b"",
    "no JSON": b"{]",
    "half of one": b'{"model": "gpt',
    "a NUL": b'{"name": "a\\u0000b", "username": "a\\u0000b", "model": "a\\u0000b"}',
    "half a character": b'{"name": "\\ud800", "username": "\\ud800", "model": "\\ud800"}',
    "no UTF-8": b'{"name": "\xff\xfe", "model": "\xff"}',
    "nested without an end": b'{"name":' * 50_000,
    "nested deeply": b"[" * 50_000 + b"]" * 50_000,
    "numbers beyond bounds": b'{"id": %d, "p": 1e999, "quota_units": -%d, "model": 1e999}'
    % (_HUGE, _HUGE),
    "no number": b'{"id": NaN, "model": Infinity}',
    "a list": b"[]",
    "null": b"null",
}
_TYPES = ("text/plain", "multipart/form-data", "application/json; charset=utf-16", "x")
_IDS = (
    "0",
    "-1",
    str(2**63),
    str(_HUGE),
    "1e3",
    "x",
    "%00",
    "%ff",
    "%D9%A1",
    "1%2f2",
    "%20",
    "%0A",
)
_PAGES = ("0", "-1", str(2**63), str(_HUGE), "1e3", "NaN", "x", "", "%00", "%ff")


@dataclass(frozen=True)
class Answer:
    """One, read whole."""

    status: int
    headers: Any
    body: bytes

    def problem(self, path: str) -> str | None:
        """Why it is no refusal, or other answer, that a client could read."""
        if self.status >= 500:
            return f"{self.status}"
        content_type = self.headers.get("Content-Type", "").split(";")[0]
        if self.status < 400 and content_type == "text/csv" and path.endswith("/export"):
            return None
        if content_type != "application/json":
            return f"{self.status} is no JSON"
        told = json.loads(self.body)
        if self.status >= 400:
            shaped = (
                "error" in told if path.startswith(("/v1", "/dashboard")) else "message" in told
            )
            if not shaped and self.status != 400:
                return f"{self.status} in another's dialect: {sorted(told)}"
        return None


class Door:
    """The public door, as root or with the demo's key."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession, token: str, key: str) -> None:
        self._url = stack.relay_url()
        self._http = http
        self._token = token
        self._key = key

    async def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> Answer:
        shown = self._key if path.startswith("/v1/") else self._token
        headers = {"Authorization": f"Bearer {shown}"}
        if body is not None:
            headers["Content-Type"] = kind
        url = URL(self._url + path, encoded=True)
        async with self._http.request(method, url, data=body, headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())

    async def document(self) -> dict[str, Any]:
        """Without the streams, each of which lasts for minutes."""
        document: dict[str, Any] = json.loads((await self.ask("GET", "/openapi.json")).body)
        document["paths"] = {
            path: methods for path, methods in document["paths"].items() if path not in STREAMS
        }
        return document


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(stack: Stack, operator: Operator) -> AsyncIterator[Door]:
    token = await operator.sign_in(operator.demo.username, operator.demo.password)
    async with aiohttp.ClientSession() as http:
        yield Door(stack, http, token, operator.demo.api_key)


def _filled(path: str, value: str) -> str:
    """The path, with this for each of its variables."""
    return "".join(
        value + part.partition("}")[2] if number else part
        for number, part in enumerate(path.split("{"))
    )


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_a_method_that_a_call_does_not_take_is_405_and_says_which_it_takes(
    door: Door,
) -> None:
    problems = []
    for path, methods in (await door.document())["paths"].items():
        takes = {method.upper() for method in methods}
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} - takes:
            answer = await door.ask(method, _filled(path, "1"))
            if method == "OPTIONS" and answer.status == 204:
                assert "Access-Control-Allow-Origin" in answer.headers
                continue
            allowed = set(answer.headers.get("Allow", "").split(", ")) - {"HEAD"}
            if answer.status != 405 or allowed != takes or answer.problem(path):
                problems.append((method, path, answer.status, allowed, answer.problem(path)))
    assert problems == []


async def test_head_is_answered_as_get_without_a_body_where_there_is_one(door: Door) -> None:
    problems = []
    for path, methods in (await door.document())["paths"].items():
        if path in {"/api/user/logout", "/api/user/token"}:
            continue  # GET changes something there, as existing tools expect
        answer = await door.ask("HEAD", _filled(path, "1"))
        expected = (await door.ask("GET", _filled(path, "1"))).status if "get" in methods else 405
        if answer.status != expected or answer.body:
            problems.append((path, answer.status, expected))
    assert problems == []


@pytest.mark.parametrize("what", _BODIES)
async def test_a_body_that_is_none(door: Door, what: str) -> None:
    problems = []
    for method, path, operation in _operations(await door.document()):
        if "requestBody" in operation:
            answer = await door.ask(method, _filled(path, "4000000"), _BODIES[what])
            if problem := answer.problem(path):
                problems.append((method, path, problem))
    assert problems == []


@pytest.mark.parametrize("kind", _TYPES)
async def test_a_body_of_another_type(door: Door, kind: str) -> None:
    problems = []
    for method, path, operation in _operations(await door.document()):
        if "requestBody" in operation:
            answer = await door.ask(method, _filled(path, "4000000"), b"a=1", kind)
            if problem := answer.problem(path):
                problems.append((method, path, problem))
    assert problems == []


@pytest.mark.parametrize("value", _IDS)
async def test_what_is_no_id_in_a_path(door: Door, value: str) -> None:
    problems = []
    for method, path, operation in _operations(await door.document()):
        if "{" in path:
            body = b"{}" if "requestBody" in operation else None
            answer = await door.ask(method, _filled(path, value), body)
            if problem := answer.problem(path):
                problems.append((method, path, problem))
    assert problems == []


@pytest.mark.parametrize("value", _PAGES)
async def test_what_is_no_page_nor_any_other_parameter(door: Door, value: str) -> None:
    problems = []
    for method, path, operation in _operations(await door.document()):
        names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
        if method != "GET" or not names:
            continue
        queries = ["&".join(f"{name}={value}" for name in names)]
        queries += [f"{name}={value}" for name in names]
        for query in queries:
            answer = await door.ask(method, f"{_filled(path, '4000000')}?{query}")
            if problem := answer.problem(path):
                problems.append((path, query, problem))
    assert problems == []


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/v1", "/v1/", "/v1/nothing", "/v1/messages/nothing", "/favicon.ico"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_not_there_is_404_in_the_dialect(door: Door, method: str, path: str) -> None:
    answer = await door.ask(method, path)
    told = json.loads(answer.body)
    assert answer.status == 404
    assert told["error"]["message"].startswith("There is no such call.")
    assert ("type" in told) is path.startswith("/v1/messages")
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/user/nothing/at/all"])
async def test_what_is_not_there_is_404_in_the_envelope(door: Door, path: str) -> None:
    answer = await door.ask("GET", path)
    told = json.loads(answer.body)
    assert (answer.status, told["success"]) == (404, False)
