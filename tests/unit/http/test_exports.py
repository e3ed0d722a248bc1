"""A file that is made while it is sent: in turns, told as a failure or visibly cut, never both."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from shared.http.envelope import EnvelopeError, envelope_errors
from shared.http.exports import ExportFile, Exports
from tests.unit.http.apps import served_app

FILE = ExportFile("things.csv", "text/csv", b"name\r\n")
Pieces: TypeAlias = Callable[[web.Request], AsyncGenerator[bytes, None]]


async def two_pieces(_: web.Request) -> AsyncGenerator[bytes, None]:
    yield b"one\r\n"
    yield b"two\r\n"


@asynccontextmanager
async def served(pieces: Pieces, **settings: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """`/{user_id}` is that user's export."""
    exports = Exports(cut_event="things.export_cut", **settings)

    async def export(request: web.Request) -> web.StreamResponse:
        user_id = int(request.match_info["user_id"])
        return await exports.send(request, user_id, FILE, pieces(request))

    app = web.Application(middlewares=[envelope_errors])
    app.router.add_get("/{user_id}", export)
    async with served_app(app) as url, aiohttp.ClientSession(url) as session:
        yield session


async def test_a_file_is_its_head_and_its_pieces() -> None:
    async with served(two_pieces) as session, session.get("/1") as answer:
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="things.csv"'
        assert answer.headers["Cache-Control"] == "no-store"
        assert await answer.text() == "name\r\none\r\ntwo\r\n"


async def test_a_file_without_lines_is_its_head() -> None:
    async def none(_: web.Request) -> AsyncGenerator[bytes, None]:
        lines: list[bytes] = []
        for line in lines:
            yield line

    async with served(none) as session, session.get("/1") as answer:
        assert await answer.text() == "name\r\n"


async def test_who_has_all_of_it_or_asks_for_its_head_may_ask_again_at_once() -> None:
    async with served(two_pieces) as session:
        for number in range(20):
            async with session.request("HEAD" if number % 2 else "GET", "/1") as answer:
                await answer.read()
                assert answer.status == 200


async def test_one_at_a_time_for_each_user_and_two_for_all() -> None:
    """And who is refused begins nothing."""
    go_on, begun = asyncio.Event(), []

    async def waiting(request: web.Request) -> AsyncGenerator[bytes, None]:
        begun.append(request.path)
        yield b"one\r\n"
        await go_on.wait()

    async with served(waiting) as session:
        async with session.get("/1") as first, session.get("/2") as second:
            for user_id in (1, 2, 3):
                async with session.get(f"/{user_id}") as refused:
                    assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
                    assert (await refused.json())["success"] is False
            assert begun == ["/1", "/2"]
            go_on.set()
            assert await first.text() == await second.text() == "name\r\none\r\n"
        async with session.get("/3") as third:
            assert third.status == 200


async def test_what_fails_before_the_first_piece_is_told() -> None:
    @contextmanager
    def told() -> Iterator[None]:
        try:
            yield
        except asyncpg.QueryCanceledError:
            raise EnvelopeError("this takes too long") from None

    async def slow(_: web.Request) -> AsyncGenerator[bytes, None]:
        raise asyncpg.QueryCanceledError
        yield b""

    async with served(slow, told=told) as session:
        for _ in range(3):  # it was not its turn for ever
            async with session.get("/1") as answer:
                assert await answer.json() == {"success": False, "message": "this takes too long"}


async def test_what_fails_later_cuts_the_file_visibly() -> None:
    async def broken(_: web.Request) -> AsyncGenerator[bytes, None]:
        yield b"one\r\n"
        raise asyncpg.ConnectionDoesNotExistError

    async with served(broken) as session:
        for _ in range(3):
            with pytest.raises((aiohttp.ClientError, OSError)):
                async with session.get("/1") as answer:
                    await answer.read()


async def test_a_reader_that_takes_nothing_is_cut_off_and_its_pieces_are_closed() -> None:
    closed = asyncio.Event()

    async def endless(_: web.Request) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield bytes(1_000_000)
        finally:
            closed.set()

    async with served(endless, write_timeout_s=0.2) as session, session.get("/1") as answer:
        assert answer.status == 200
        async with asyncio.timeout(30):
            await closed.wait()
        with pytest.raises((aiohttp.ClientError, OSError)):
            await answer.read()
