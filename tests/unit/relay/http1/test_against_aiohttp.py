"""What aiohttp's client makes of a response, this one makes of it too."""

import asyncio
import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import aiohttp
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.relay.upstreams.aiohttp_client import AiohttpUpstream
from services.relay.upstreams.upstream import Upstream, UpstreamFailure
from tests.unit.relay.http1.hearing import Hearing
from tests.unit.relay.http1.raw_server import Asked, call, client, serving

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_", min_size=1, max_size=12)
VALUE = st.text("abc XYZ019;=,/\"'üé", max_size=30).map(str.strip)
CODED: dict[bytes, Callable[[bytes], bytes]] = {b"gzip": gzip.compress, b"deflate": zlib.compress}
FRAMING_NAMES = {"content-length", "transfer-encoding", "content-encoding", "connection", "upgrade"}


@dataclass(frozen=True)
class Response:
    pieces: tuple[bytes, ...]


@st.composite
def responses(draw: st.DrawFn, *, is_cut: bool) -> Response:
    status = draw(st.sampled_from([200, 201, 202, 204, 304, 301, 400, 404, 429, 500, 503]))
    fields = draw(st.lists(st.tuples(TOKEN, VALUE), max_size=5))
    lines = [
        f"{name}: {value}".encode() for name, value in fields if name.lower() not in FRAMING_NAMES
    ]
    body = draw(st.binary(max_size=600))
    coding = None if is_cut else draw(st.sampled_from([None, None, *CODED]))
    raw = b"".join(
        b"HTTP/1.1 %d Early\r\nX-Early: 1\r\n\r\n" % interim
        for interim in draw(st.lists(st.sampled_from([100, 103]), max_size=2))
    )
    if status in {204, 304}:
        body, coding = b"", None
    elif coding is not None:
        lines.append(b"Content-Encoding: " + coding)
        body = CODED[coding](body)
    # A body that ends with its connection is whole wherever that is.
    framing = draw(st.sampled_from(["length", "chunked", *([] if is_cut else ["close"])]))
    if status in {204, 304}:
        framed = b""
    elif framing == "length":
        lines.append(b"Content-Length: %d" % len(body))
        framed = body
    elif framing == "chunked":
        lines.append(
            draw(st.sampled_from([b"Transfer-Encoding: chunked", b"transfer-encoding:chunked"]))
        )
        framed = draw(chunked(body))
    else:
        framed = body
    head = b"HTTP/1.1 %d %b\r\n" % (status, draw(st.sampled_from([b"OK", b"", b"Not so good"])))
    raw += head + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    whole = raw + framed
    if is_cut:
        whole = whole[: draw(st.integers(0, len(whole) - 1))]
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(whole) - 1)), max_size=6)))
    edges = [0, *cuts, len(whole)]
    pieces = (whole[start:end] for start, end in itertools.pairwise(edges))
    return Response(tuple(filter(None, pieces)))


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    framed = b""
    while body:
        size = draw(st.integers(1, len(body)))
        extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b c"']))
        framed += b"%x%b\r\n%b\r\n" % (size, extension, body[:size])
        body = body[size:]
    trailer = draw(st.sampled_from([b"", b"X-Sum: 1\r\n"]))
    return framed + b"0\r\n" + trailer + b"\r\n"


Found = tuple[int, dict[str, str], bytes] | None


async def found(upstream: Upstream, url: str, *, is_passed: bool) -> Found:
    """None where it is not whole."""
    try:
        answer = await upstream.send(call(url))
    except UpstreamFailure:
        return None
    if is_passed:
        hearing = Hearing()
        answer.pass_to(hearing)
        body, end = await hearing.over()
        if end != "ended":
            answer.abort()
            return None
    else:
        try:
            body = await answer.read(10_000)
        except UpstreamFailure:
            answer.abort()
            return None
    answer.release()
    names = {name.lower() for name in answer.headers}
    return answer.status, {name: answer.headers[name] for name in sorted(names)}, body


async def both(response: Response, *, is_passed: bool) -> tuple[Found, Found]:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(*response.pieces)

    # A machine under load is slow, and no difference between the two.
    patient = {"first_byte_s": 30.0, "idle_s": 30.0, "connect_s": 30.0}
    async with (
        serving(script) as server,
        client(**patient) as ours,
        aiohttp.ClientSession() as session,
    ):
        theirs = AiohttpUpstream(session, **patient)
        return (
            await found(ours, server.url, is_passed=is_passed),
            await found(theirs, server.url, is_passed=is_passed),
        )


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """The loop of production; the other tests have the standard one."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as made:
        yield made


@settings(
    max_examples=100,
    deadline=None,
    # The loop outlives each example: all of them may share it.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(responses(is_cut=False), st.booleans())
def test_both_make_the_same_of_a_whole_response(
    runner: asyncio.Runner, response: Response, is_passed: bool
) -> None:
    ours, theirs = runner.run(both(response, is_passed=is_passed))
    assert ours is not None
    assert ours == theirs


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(responses(is_cut=True), st.booleans())
def test_both_make_the_same_of_a_cut_response(
    runner: asyncio.Runner, response: Response, is_passed: bool
) -> None:
    ours, theirs = runner.run(both(response, is_passed=is_passed))
    assert ours == theirs
