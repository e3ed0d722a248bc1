"""Whatever bytes come: an answer or an UpstreamFailure, in time, and no connection kept.

Where one fails, it names the seed: LEDGERLINE_FUZZ_SEED=… LEDGERLINE_FUZZ_SECONDS=0 repeats it.
"""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.http1.answer import Http1Answer
from services.relay.http1.connection import Connection
from services.relay.http1.response_parser import MalformedError, ResponseParser
from services.relay.upstreams.upstream import UpstreamAnswer, UpstreamFailure
from shared.events.requests import ErrorCode
from tests.unit.relay.http1.fake_transport import FakeTransport
from tests.unit.relay.http1.hearing import End, Hearing
from tests.unit.relay.http1.mutated import LONG, PARTS, cut, mutated, of_parts, seeds
from tests.unit.relay.http1.raw_server import Asked, call, client, serving, until

TIMES = 100
"""So much can a byte of these tests' compressed bodies become at the most, and some."""
NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nthe next"

Parsed = tuple[bool, bool, int, bytes, bool]


def parsed(pieces: list[bytes]) -> Parsed:
    parser, is_malformed = ResponseParser(), False
    try:
        for piece in pieces:
            parser.feed(piece)
    except MalformedError:
        is_malformed = True
    body = b"".join(parser.pieces)
    return is_malformed, parser.is_complete, parser.status, body, parser.has_junk


@given(st.integers(0, 10**9), st.lists(st.sampled_from(PARTS), max_size=3), st.binary(max_size=40))
def test_how_bytes_are_cut_changes_nothing(seed: int, parts: list[bytes], some: bytes) -> None:
    chance = random.Random(seed)  # noqa: S311  # to be repeated
    raw = (of_parts(chance, PARTS) if seed % 2 else mutated(chance)) + b"".join(parts) + some
    whole = parsed([raw])
    # But for one that is refused: how far it came before the fault is told may differ.
    for pieces in (cut(chance, raw), [raw[at : at + 1] for at in range(len(raw))]):
        found = parsed([piece for piece in pieces if piece])
        assert found[0] == whole[0]
        assert whole[0] or found[:-1] == whole[:-1]
        # Behind a body of nothing but line ends no others can be told from it.
        assert whole[0] or found == whole or not whole[3].strip(b"\r\n")


class Owner:
    def __init__(self) -> None:
        self.finishes: list[bool] = []

    def finished(self, connection: Connection, *, is_reusable: bool) -> None:
        assert connection.is_open is is_reusable
        self.finishes.append(is_reusable)

    def lost(self, connection: Connection) -> None:
        assert not connection.is_open


Outcome = tuple[int, bytes, End]


async def pulled(answer: UpstreamAnswer, chance: random.Random) -> Outcome:
    body = b""
    try:
        while chunk := await answer.next_chunk():
            body += chunk
            await asyncio.sleep(0) if chance.random() < 0.2 else None
    except UpstreamFailure as failure:
        answer.abort()
        return answer.status, body, failure.code
    answer.release()
    return answer.status, body, "ended"


async def passed(answer: UpstreamAnswer, chance: random.Random) -> Outcome:
    def pause() -> None:
        if chance.random() < 0.2:
            answer.pause()
            asyncio.get_running_loop().call_soon(answer.resume)

    first = b""
    if chance.random() < 0.3 and not (first := await answer.next_chunk()):
        answer.release()
        return answer.status, b"", "ended"
    hearing = Hearing(on_piece=pause)
    answer.pass_to(hearing)
    body, end = await hearing.over()
    answer.release()
    assert end is not None
    return answer.status, first + body, end


async def outcome(raw: bytes, seed: int, *, is_passed: bool) -> Outcome:
    """What one connection makes of it, and that it is used again only after one whole answer."""
    chance = random.Random(seed)  # noqa: S311  # to be repeated
    owner, loop = Owner(), asyncio.get_running_loop()
    connection = Connection(owner, idle_s=60, keep_s=60)
    transport = FakeTransport(connection)
    answer = connection.send(b"", b"", deadline=loop.time() + 60)
    pieces, ending = cut(chance, raw), chance.choice([None, None, ConnectionResetError()])
    taking = asyncio.create_task(taken(answer, chance, is_passed=is_passed))
    for piece in pieces:
        transport.deliver(piece)
        await asyncio.sleep(0) if chance.random() < 0.3 else None
    # A whole answer is told without the connection's end.
    for _ in range(200):
        await asyncio.sleep(0)
        if taking.done():
            break
    else:
        transport.deliver(ending)
    async with asyncio.timeout(5):
        result = await taking
    assert owner.finishes in ([True], [False])
    if owner.finishes == [True] and connection.is_open:
        await check_reuse(connection, transport, raw)
    connection.close()
    async with asyncio.timeout(5):
        await connection.lost
    return result


async def taken(answer: Http1Answer, chance: random.Random, *, is_passed: bool) -> Outcome:
    try:
        await answer.wait_head()
        return await (passed if is_passed else pulled)(answer, chance)
    except UpstreamFailure as failure:
        return 0, b"", failure.code


def is_one_response(raw: bytes) -> bool:
    """Whether nothing is left of it after one response. Only asked of what was found in order."""
    status = 100
    while status < 200:
        # Empty lines before it are no part of it.
        head, _, raw = raw.lstrip(b"\r\n").partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1][:3])
    fields = [line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:]]
    named = {name: value.strip() for name, value in fields}
    if named.get(b"connection") == b"close":
        return False
    if status in {204, 304}:
        return raw == b""
    if b"transfer-encoding" not in named:
        return len(raw) == int(named[b"content-length"])
    size = 1
    while size:
        line, _, raw = raw.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        raw = raw[size + 2 :] if size else raw
    return raw == b"\r\n" or (raw.endswith(b"\r\n\r\n") and b"\r\n\r\n" not in raw[:-1])


async def check_reuse(connection: Connection, transport: FakeTransport, raw: bytes) -> None:
    assert is_one_response(raw)
    deadline = asyncio.get_running_loop().time() + 60
    answer = connection.send(b"", b"", deadline=deadline)
    transport.deliver(NEXT)
    await answer.wait_head()
    assert await answer.read(100) == b"the next"
    answer.release()


async def test_arbitrary_bytes_have_one_outcome_however_they_are_taken() -> None:
    ended = failed = 0
    for seed in seeds():
        chance = random.Random(seed)  # noqa: S311  # to be repeated
        raw = of_parts(chance, PARTS + LONG) if seed % 4 == 0 else mutated(chance)
        try:
            found = [await outcome(raw, seed, is_passed=each) for each in (False, True)]
            for _, body, _ in found:
                assert len(body) <= len(raw) * (TIMES if b"ncoding: " in raw else 1)
            if found[0][2] == "ended":
                assert found[0] == found[1]
        except BaseException as error:
            raise AssertionError(f"LEDGERLINE_FUZZ_SEED={seed}", raw[:300]) from error
        ended += found[0][2] == "ended"
        failed += found[0][2] != "ended"
    # Both kinds came.
    assert min(ended, failed) >= 40


async def test_arbitrary_bytes_of_a_server_do_no_harm() -> None:
    said: list[bytes] = []

    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(*said)

    answered = failed = 0
    async with (
        serving(script) as server,
        client(first_byte_s=5, idle_s=5, max_connections=1) as upstream,
    ):
        for seed in seeds():
            chance = random.Random(seed)  # noqa: S311  # to be repeated
            raw = of_parts(chance, PARTS + LONG) if seed % 2 else mutated(chance)
            said[:] = cut(chance, raw)
            take = passed if seed % 3 == 0 else pulled
            try:
                async with asyncio.timeout(2):
                    _, body, end = await take(await upstream.send(call(server.url)), chance)
                assert end is not ErrorCode.UPSTREAM_TIMEOUT
                assert len(body) <= len(raw) * (TIMES if b"ncoding: " in raw else 1)
                answered += 1
            except UpstreamFailure as failure:
                assert failure.code is not ErrorCode.UPSTREAM_TIMEOUT, (seed, raw)  # noqa: PT017
                failed += 1
            except BaseException as error:
                raise AssertionError(f"LEDGERLINE_FUZZ_SEED={seed}", raw[:300]) from error
            # What a server says unasked, once the next request is on its connection, is that
            # one's answer to any client: each seed has a connection of its own.
            await until(lambda: server.open == 0 and upstream.pool.totals() == (0, 0, 0))
    # Both kinds came; how many depends on how far a slow machine gets.
    assert answered >= 5
    assert failed >= 20


pytestmark = pytest.mark.timeout(300)
