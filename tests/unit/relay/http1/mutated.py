"""Responses with something wrong: made of likely parts, or valid ones with a few changes."""

import gzip
import itertools
import os
import random
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Final

SECONDS: Final = float(os.environ.get("LEDGERLINE_FUZZ_SECONDS", "30"))
"""How long each of the two tests runs: together the minute that they have in CI."""

PARTS: Final = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 204 No\r\n",
    b"HTTP/1.1 304 Same\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 S\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
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
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    b"\x00",
    b"\xff\xfe",
]
"""Short ones: where a bound strikes depends on what comes in one piece with what."""
LONG: Final = [b"X" * 70_000, b"X: " + b"y" * 5000 + b"\r\n"]
_CODED: Final[dict[bytes, Callable[[bytes], bytes]]] = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
}


def seeds() -> Iterator[int]:
    """Two hundred at the least, then until the time is over.

    They begin anywhere: LEDGERLINE_FUZZ_SEED begins with one that was printed.
    """
    first = int(os.environ.get("LEDGERLINE_FUZZ_SEED") or random.SystemRandom().randrange(10**9))
    print(f"LEDGERLINE_FUZZ_SEED={first}")  # noqa: T201  # to be repeated
    end, seed = time.monotonic() + SECONDS, first
    while seed < first + 200 or time.monotonic() < end:
        yield seed
        seed += 1


def of_parts(chance: random.Random, parts: list[bytes]) -> bytes:
    """Likely parts in any order, some bytes changed."""
    raw = bytearray(b"".join(chance.choices(parts, k=chance.randint(1, 9))))
    if chance.random() < 0.6:
        raw[0:0] = PARTS[0] + chance.choice(PARTS[6:17])
    for _ in range(chance.choice([0, 0, 1, 3])):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw)


def valid(chance: random.Random) -> bytes:
    """A response as a server should write it; not all of them end without a close."""
    body = chance.randbytes(chance.choice([0, 1, 5, 300, 5000]))
    status = chance.choice([200, 200, 200, 404, 503, 204, 304])
    lines = [b"X-%d: %d" % (number, number) for number in range(chance.randint(0, 3))]
    if chance.random() < 0.3:
        coding = chance.choice([*_CODED])
        body = _CODED[coding](body)
        lines.append(b"Content-Encoding: " + coding)
    framing = chance.choice(["length", "chunked", "chunked", "close"])
    if status in {204, 304}:
        body = b""
    elif framing == "length":
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        body = _chunked(chance, body)
    if chance.random() < 0.2:
        lines.append(b"Connection: " + chance.choice([b"close", b"keep-alive"]))
    early = b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" if chance.random() < 0.2 else b""
    head = b"HTTP/1.1 %d Some\r\n" % status + b"".join(line + b"\r\n" for line in lines)
    return early + head + b"\r\n" + body


def mutated(chance: random.Random) -> bytes:
    """A valid response, or two of them, with at most three changes; sometimes with none."""
    raw = bytearray(valid(chance))
    if chance.random() < 0.2:
        raw += valid(chance)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(raw) + 1)
        to = min(len(raw), at + chance.choice([1, 1, 2, 10, 1000]))
        match chance.randrange(5):
            case 0:
                raw[at:to] = b""
            case 1:
                raw[at:at] = raw[at:to]
            case 2:
                raw[at:at] = chance.choice(PARTS)
            case 3:
                raw[at:to] = chance.randbytes(to - at)
            case _:
                del raw[to:]
    return bytes(raw)


def cut(chance: random.Random, raw: bytes) -> list[bytes]:
    """Pieces, none of them empty."""
    if not raw:
        return []
    count = chance.choice([0, 1, 4, 40])
    edges = sorted({0, len(raw), *(chance.randrange(len(raw)) for _ in range(count))})
    return [raw[start:end] for start, end in itertools.pairwise(edges)]


def _chunked(chance: random.Random, body: bytes) -> bytes:
    framed = b""
    while body:
        size = chance.randint(1, len(body))
        extension = chance.choice([b"", b"", b";a", b";a=b", b';a="b c"'])
        framed += b"%x%b\r\n%b\r\n" % (size, extension, body[:size])
        body = body[size:]
    return framed + b"0\r\n" + chance.choice([b"", b"", b"X-Sum: 1\r\n"]) + b"\r\n"
