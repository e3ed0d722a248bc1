"""Whatever bytes come: an answer or an UpstreamFailure, in time, and no connection kept.

LEDGERLINE_FUZZ_SECONDS runs it longer than its few seconds.
"""

import asyncio
import itertools
import os
import random
import time
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from services.relay.http1.response_parser import MalformedError, ResponseParser
from services.relay.upstream import UpstreamFailure
from shared.events.requests import ErrorCode
from tests.unit.relay.http1.raw_server import Asked, call, client, serving, until

SECONDS = float(os.environ.get("LEDGERLINE_FUZZ_SECONDS", "3"))
PARTS = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 204 No\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 S\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: deflate\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"hello",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nX: y\r\n\r\n",
    b"ffffffff\r\n",
    b"5;a=b\r\nhello\r\n",
    b"X" * 70_000,
    b"X: " + b"y" * 5000 + b"\r\n",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    b"\x00",
    b"\xff\xfe",
]


# Where a bound strikes depends on what comes in one piece with what.
SHORT = [part for part in PARTS if len(part) < 100]


def made(chance: random.Random, parts: list[bytes]) -> list[bytes]:
    """A response of likely parts, with some bytes changed, in pieces."""
    raw = bytearray(b"".join(chance.choices(parts, k=chance.randint(1, 9))))
    if chance.random() < 0.6:
        raw[0:0] = PARTS[0] + chance.choice(PARTS[5:14])
    for _ in range(chance.choice([0, 0, 1, 3])):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    edges = sorted(
        {0, len(raw), *(chance.randrange(len(raw)) for _ in range(chance.randint(0, 4)))}
    )
    return [bytes(raw[start:end]) for start, end in itertools.pairwise(edges)]


def seeds() -> Iterator[int]:
    """At least two hundred, then until the time is over."""
    end, seed = time.monotonic() + SECONDS, 0
    while seed < 200 or time.monotonic() < end:
        yield seed
        seed += 1


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


@given(st.integers(0, 10**9), st.lists(st.sampled_from(SHORT), max_size=3), st.binary(max_size=40))
def test_how_bytes_are_cut_changes_nothing(seed: int, parts: list[bytes], some: bytes) -> None:
    pieces = [*made(random.Random(seed), SHORT), *parts, some]  # noqa: S311  # to be repeated
    raw = b"".join(pieces)
    whole = parsed([raw])
    # But for one that is refused: how far it came before the fault is told may differ.
    for cut in (pieces, [raw[at : at + 1] for at in range(len(raw))]):
        found = parsed([piece for piece in cut if piece])
        assert found[0] == whole[0]
        assert whole[0] or found == whole


async def test_arbitrary_bytes_do_no_harm() -> None:
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
            said[:] = made(random.Random(seed), PARTS)  # noqa: S311  # to be repeated by its number
            try:
                async with asyncio.timeout(2):
                    answer = await upstream.send(call(server.url))
                    await answer.read(1_000_000)
                answer.release()
                answered += 1
            except UpstreamFailure as failure:
                assert failure.code is not ErrorCode.UPSTREAM_TIMEOUT, (seed, said)  # noqa: PT017
                failed += 1
            except BaseException as error:
                raise AssertionError(seed, said) from error
        await until(lambda: upstream.pool.totals() == (0, 0, 0))
        await until(lambda: server.open == 0)
    # Both kinds came; how many depends on how far a slow machine gets.
    assert answered >= 5
    assert failed >= 20
