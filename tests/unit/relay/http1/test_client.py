"""The client against servers that behave, and servers that do not."""

import asyncio
import gzip
from collections.abc import Callable

import pytest

from services.relay.upstreams.upstream import UpstreamFailure
from shared.events.requests import ErrorCode
from tests.unit.relay.http1.raw_server import (
    Asked,
    call,
    client,
    place,
    saying,
    serving,
    until,
    until_failure,
    whole,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Request-Id: r1\r\n\r\nhello"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


async def test_cut_in_two_at_every_byte_it_is_the_same_answer() -> None:
    raw = (
        b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n"
        + EVENTS
        + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n"
    )

    async def script(asked: Asked) -> None:
        for at in range(1, len(raw)):
            await asked.request()
            await asked.say(raw[:at], raw[at:])

    async with serving(script) as server, client() as upstream:
        for _ in range(1, len(raw)):
            answer = await upstream.send(call(server.url))
            assert answer.status == 200
            assert answer.headers["content-TYPE"] == "text/event-stream"
            assert await whole(answer) == b"abcde"
        assert server.connections == 1


async def test_a_request_arrives_as_it_was_given() -> None:
    body = bytes(range(256)) * 4000
    async with serving(saying(OK)) as server, client() as upstream:
        await whole(await upstream.send(call(f"{server.url}/v1/x?a=1", body)))
        head, arrived = server.seen[0]
    assert arrived == body
    assert head.startswith(b"POST /v1/x?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_names_of_headers_have_no_case_and_values_are_as_sent() -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
        b"rETRY-aFTER: 7\r\nX: a\r\nX: b\r\nY: \xc3\xbc\xff\r\n\r\n"
    )
    async with serving(saying(raw)) as server, client() as upstream:
        headers = (await upstream.send(call(server.url))).headers
    assert headers.get("Retry-After") == "7"
    assert headers.get("X") == "a"
    assert headers.get("y") == "ü\udcff"
    assert headers.get("z") is None
    assert len(headers) == len(list(headers)) == 4


async def test_connections_are_used_again() -> None:
    async with serving(saying(OK)) as server, client() as upstream:
        for _ in range(20):
            assert await whole(await upstream.send(call(server.url))) == b"hello"
        assert server.connections == 1
        assert len(server.seen) == 20


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"junk",
        OK + OK,
        OK.replace(b"X-Request-Id: r1", b"Connection: close"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        EVENTS + b"5\r\nhello\r\n" + END + b"junk",
    ],
)
async def test_a_connection_is_not_used_again_when_something_is_odd(raw: bytes) -> None:
    async with serving(saying(raw)) as server, client() as upstream:
        for number in range(3):
            assert await whole(await upstream.send(call(server.url))) == b"hello"
            assert server.connections == number + 1
        await until(lambda: server.open == 0)


async def test_junk_that_comes_late_ends_the_waiting_connection() -> None:
    more = asyncio.Event()

    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(OK)
        await more.wait()
        await asked.say(OK)
        await asked.closed()

    async with serving(script) as server, client() as upstream:
        await whole(await upstream.send(call(server.url)))
        more.set()
        await until(lambda: server.open == 0)
        assert await whole(await upstream.send(call(server.url))) == b"hello"
        assert server.connections == 2


async def test_junk_before_release_is_nobodys_answer() -> None:
    """An answer to a request that nobody made must not meet the next one."""

    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(OK, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await asked.closed()

    async with serving(script) as server, client() as upstream:
        answer = await upstream.send(call(server.url))
        assert await answer.read(100) == b"hello"
        await asyncio.sleep(0.05)
        answer.release()
        assert await whole(await upstream.send(call(server.url))) == b"hello"
        assert server.connections == 2


async def test_an_aborted_answer_never_reaches_another_client() -> None:
    async def script(asked: Asked) -> None:
        body = await asked.request()
        await asked.say(EVENTS + b"%x\r\n%b\r\n" % (len(body), body))
        await asked.reader.read()

    async with serving(script) as server, client() as upstream:
        for number in range(5):
            body = b"client %d" % number
            answer = await upstream.send(call(server.url, body))
            assert await answer.next_chunk() == body
            answer.abort()
            answer.abort()
            answer.release()
        assert server.connections == 5
        await until(lambda: server.open == 0)


async def test_released_before_its_end_it_is_closed() -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(EVENTS)
        await asked.closed()

    async with serving(script) as server, client() as upstream:
        answer = await upstream.send(call(server.url))
        answer.release()
        await until(lambda: server.open == 0)
        with pytest.raises(UpstreamFailure):
            await answer.next_chunk()


@pytest.mark.parametrize("is_reset", [False, True])
async def test_closed_while_idle_it_is_tried_again_on_a_fresh_one(is_reset: bool) -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(OK)
        if asked.number < 2:
            # The next request arrives, and is not answered: as if it had crossed the close.
            await asked.request()
            if is_reset:
                asked.reset()
            return
        while True:
            await asked.request()
            await asked.say(OK)

    async with serving(script) as server, client() as upstream:
        for _ in range(4):
            assert await whole(await upstream.send(call(server.url))) == b"hello"
        assert server.connections == 3


async def test_a_fresh_connection_that_is_closed_is_not_tried_again() -> None:
    async def script(asked: Asked) -> None:
        await asked.request()

    async with serving(script) as server, client() as upstream:
        with pytest.raises(UpstreamFailure) as caught:
            await upstream.send(call(server.url))
        assert caught.value.code is ErrorCode.UPSTREAM_CONNECTION
        assert len(server.seen) == 1


@pytest.mark.parametrize("start", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_nothing_is_tried_again_once_a_byte_of_the_answer_came(start: bytes) -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(OK)
        await asked.request()
        await asked.say(start)

    async with serving(script) as server, client() as upstream:
        await whole(await upstream.send(call(server.url)))
        with pytest.raises(UpstreamFailure) as caught:
            await upstream.send(call(server.url))
        assert caught.value.code is ErrorCode.UPSTREAM_CONNECTION
        assert len(server.seen) == 2


async def test_a_timeout_on_a_used_connection_is_not_tried_again() -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(OK)
        await asked.request()
        await asked.closed()

    async with serving(script) as server, client(first_byte_s=0.2) as upstream:
        await whole(await upstream.send(call(server.url)))
        with pytest.raises(UpstreamFailure) as caught:
            await upstream.send(call(server.url))
        assert caught.value.code is ErrorCode.UPSTREAM_TIMEOUT
        assert len(server.seen) == 2
        await until(lambda: server.open == 0)


async def test_an_answer_that_comes_before_the_request_is_sent() -> None:
    """It is an answer; but what is left of the request must not be taken for the next one."""

    async def script(asked: Asked) -> None:
        await asked.head()
        await asked.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await asyncio.sleep(0.2)

    async with serving(script) as server, client() as upstream:
        for number in range(2):
            answer = await upstream.send(call(server.url, bytes(20_000_000)))
            assert answer.status == 413
            assert await whole(answer) == b"big"
            assert server.connections == number + 1


CUT = {
    "short of its length": OK[:-1],
    "no last chunk": EVENTS + b"5\r\nhello\r\n",
    "within a chunk": EVENTS + b"9\r\nhello",
    "within the end": EVENTS + b"5\r\nhello\r\n0\r\n",
    "a bad chunk": EVENTS + b"5\r\nhello\r\nzz\r\n",
}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("ends", ["closes", "resets", "byte by byte"])
async def test_cut_answers_are_told_after_what_came(name: str, ends: str) -> None:
    raw = CUT[name]

    async def script(asked: Asked) -> None:
        await asked.request()
        if ends == "byte by byte":
            await asked.say(*(raw[at : at + 1] for at in range(len(raw))))
        else:
            await asked.say(raw)
        if ends == "resets":
            await asyncio.sleep(0.05)
            asked.reset()

    async with serving(script) as server, client() as upstream:
        answer = await upstream.send(call(server.url))
        came, code = await until_failure(answer)
        assert code is ErrorCode.UPSTREAM_CUT
        assert came.startswith(b"hell")
        await until(lambda: server.open == 0)


async def test_a_body_until_the_close_is_whole_and_until_a_reset_is_not() -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(b"HTTP/1.1 200 OK\r\n\r\n", b"hello", b" world")
        if asked.number == 1:
            await asyncio.sleep(0.05)
            asked.reset()

    async with serving(script) as server, client() as upstream:
        assert await whole(await upstream.send(call(server.url))) == b"hello world"
        answer = await upstream.send(call(server.url))
        with pytest.raises(UpstreamFailure) as caught:
            await answer.read(100)
        assert caught.value.code is ErrorCode.UPSTREAM_CUT


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", ErrorCode.UPSTREAM_CONNECTION),
        (b"HTTP/1.1 200 OK\r\n", ErrorCode.UPSTREAM_CONNECTION),
        (b"SSH-2.0\r\n", ErrorCode.UPSTREAM_MALFORMED),
        (b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", ErrorCode.UPSTREAM_MALFORMED),
        (b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n", ErrorCode.UPSTREAM_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, ErrorCode.UPSTREAM_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n", ErrorCode.UPSTREAM_MALFORMED),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            ErrorCode.UPSTREAM_MALFORMED,
        ),
    ],
)
async def test_without_a_head_there_is_no_answer(raw: bytes, code: ErrorCode) -> None:
    async with serving(saying(raw, stays=False)) as server, client() as upstream:
        with pytest.raises(UpstreamFailure) as caught:
            await upstream.send(call(server.url))
        assert caught.value.code is code
        await until(lambda: server.open == 0)
        assert len(server.seen) == 1


async def test_a_redirect_is_an_answer() -> None:
    raw = b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(raw)) as server, client() as upstream:
        answer = await upstream.send(call(server.url))
        assert answer.status == 302
        assert await whole(answer) == b""


async def test_a_compressed_body_is_decoded() -> None:
    body = b"data: hello\n\n" * 1000
    raw = gzip.compress(body)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    async with (
        serving(saying(head % len(raw), raw[:9], raw[9:30], raw[30:])) as server,
        client() as upstream,
    ):
        for _ in range(2):
            assert await whole(await upstream.send(call(server.url))) == body
        assert server.connections == 1


async def test_a_compressed_body_that_is_none_is_malformed() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
    async with serving(saying(head)) as server, client() as upstream:
        answer = await upstream.send(call(server.url))
        with pytest.raises(UpstreamFailure) as caught:
            await answer.read(100)
        assert caught.value.code is ErrorCode.UPSTREAM_MALFORMED


async def test_a_pause_within_an_answer_has_its_time() -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(EVENTS)
        for _ in range(6):
            await asyncio.sleep(0.1)
            await asked.say(b"1\r\nx\r\n")
        await asked.closed()

    async with serving(script) as server, client(idle_s=0.3, first_byte_s=0.3) as upstream:
        answer = await upstream.send(call(server.url))
        assert await until_failure(answer) == (b"xxxxxx", ErrorCode.UPSTREAM_TIMEOUT)
        await until(lambda: server.open == 0)


@pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_the_first_byte_has_its_time_whatever_the_pause_may_be(interim: bytes) -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        while True:
            await asked.say(interim)
            await asyncio.sleep(0.05)

    async with serving(script) as server, client(first_byte_s=0.3, idle_s=60) as upstream:
        with pytest.raises(UpstreamFailure) as caught:
            await asyncio.wait_for(upstream.send(call(server.url)), 2)
        assert caught.value.code is ErrorCode.UPSTREAM_TIMEOUT


async def test_the_pause_has_its_time_although_the_first_byte_had_more() -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(EVENTS)
        await asked.closed()

    async with serving(script) as server, client(first_byte_s=60, idle_s=0.2) as upstream:
        answer = await upstream.send(call(server.url))
        with pytest.raises(UpstreamFailure) as caught:
            await asyncio.wait_for(answer.next_chunk(), 2)
        assert caught.value.code is ErrorCode.UPSTREAM_TIMEOUT


@pytest.mark.parametrize("cancelled", ["head", "body"])
async def test_who_gives_up_leaves_no_connection_behind(cancelled: str) -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        if cancelled == "body":
            await asked.say(EVENTS)
        await asked.closed()

    async def ask(url: str) -> None:
        await (await upstream.send(call(url))).read(100)

    async with serving(script) as server, client(max_connections=1) as upstream:
        for number in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask(server.url), 0.1)
            assert server.connections == number + 1
        await until(lambda: server.open == 0)


async def test_each_gets_its_own_answer_under_load() -> None:
    """Echoes of hundreds of callers over few connections, some of which are cut or left."""

    async def script(asked: Asked) -> None:
        while True:
            body = await asked.request()
            number = int(body)
            raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body) * 500, body * 500)
            if number % 7 == 0:
                await asked.say(raw[: len(raw) // 2])
                return
            await asked.say(raw[:60], raw[60:])

    async def ask(number: int) -> str:
        body = b"%06d" % number
        answer = await upstream.send(call(server.url, body))
        if number % 5 == 0:
            answer.abort()
            return "left"
        if number % 7 == 0:
            assert (await until_failure(answer))[1] is ErrorCode.UPSTREAM_CUT
            return "cut"
        assert await whole(answer) == body * 500
        return "whole"

    async with serving(script) as server, client(max_connections=6) as upstream:
        found = await asyncio.gather(*map(ask, range(600)))
        assert upstream.pool.count(place(server.url))[0] <= 6
    told = {name: found.count(name) for name in ("left", "cut", "whole")}
    assert told == {"left": 120, "cut": 68, "whole": 412}


async def test_closing_fails_what_is_under_way() -> None:
    done: list[ErrorCode] = []

    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await asked.closed()

    async def ask(read: Callable[[], object]) -> None:
        answer = await upstream.send(call(server.url))
        read()
        with pytest.raises(UpstreamFailure) as caught:
            await answer.read(100)
        done.append(caught.value.code)

    async with serving(script) as server, client() as upstream:
        begun = asyncio.Event()
        task = asyncio.create_task(ask(begun.set))
        await begun.wait()
        await upstream.close()
        await task
    assert done == [ErrorCode.UPSTREAM_CUT]
