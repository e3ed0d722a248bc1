"""An answer on its way through `Passing` to a real client, with what was recorded beside it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry

from services.relay.answering.attempts import Answered
from services.relay.answering.draining import DrainLimits
from services.relay.answering.passing import Passing
from services.relay.dialects.dialect import Call
from services.relay.dialects.openai_chat import ChatCompletions
from services.relay.errors import RelayError
from services.relay.exchange import Ending, Exchange
from services.relay.journal.journal import Journal
from services.relay.journal.records import CompletedRecord
from services.relay.leases.holds import Hold
from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.metrics import RequestMetrics
from services.relay.open_requests import OpenRequests
from services.relay.recording.recorder import Recorder
from shared.events.requests import Outcome, RequestCompleted
from tests.unit.relay.fake_upstream import FakeAnswer
from tests.unit.relay.made import exchange, facts
from tests.unit.relay.served_routes import served_routes

CHAT = ChatCompletions()


@dataclass
class Tape:
    """A journal and a lease keeper that only take note, in order."""

    records: list[CompletedRecord] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    fails: bool = False

    def complete(self, record: CompletedRecord) -> None:
        if self.fails:
            raise OSError("broken disk")
        self.records.append(record)

    def settle(self, _hold: Hold, used_units: int) -> None:
        assert len(self.records) == len(self.settled) + 1, "settled before it was written"
        self.settled.append(used_units)

    @property
    def event(self) -> RequestCompleted:
        (record,) = self.records
        return RequestCompleted.model_validate(orjson.loads(record.value))


def recorder(tape: Tape) -> Recorder:
    return Recorder(
        journal=cast("Journal", tape),
        leases=cast("LeaseKeeper", tape),
        metrics=RequestMetrics(CollectorRegistry()),
    )


@asynccontextmanager
async def relayed(
    answer: FakeAnswer,
    tape: Tape,
    *,
    stream: bool = True,
    wants_usage: bool = False,
    durable: Callable[[], Awaitable[None]] | None = None,
    drain_s: float = 5.0,
    drain_before_content_s: float = 5.0,
    client_idle_s: float = 5.0,
    call: Call = CHAT,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client that has sent its request to a relay whose upstream gave `answer`."""
    asked = facts(is_stream=stream, wants_usage=wants_usage)
    going, keeps = exchange(request=asked), recorder(tape)
    passing = Passing(
        recorder=keeps,
        durable=durable,
        max_answer_bytes=1024 * 1024,
        client_idle_s=client_idle_s,
        drain=DrainLimits(before_content_s=drain_before_content_s, rest_s=drain_s),
    )

    open_requests = OpenRequests()

    async def handle(request: web.Request) -> web.StreamResponse:
        task = open_requests.enter()
        try:
            return await _passed(passing, keeps, request, going, answer, call=call)
        finally:
            open_requests.leave(task)

    async with served_routes([web.post("/", handle)]) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        try:
            yield reader, writer
        finally:
            writer.close()
    await open_requests.end()


async def _passed(
    passing: Passing,
    keeps: Recorder,
    request: web.Request,
    going: Exchange,
    answer: FakeAnswer,
    *,
    call: Call,
) -> web.StreamResponse:
    """As `Relaying` does it: one attempt was made, and what fails is completed once."""
    is_stream = going.facts.is_stream
    try:
        first = await answer.next_chunk() if is_stream else b""
        answered = Answered(answer=answer, is_stream=is_stream, first=first, started=0.0)
        if is_stream:
            return await passing.stream(request, going, answered, call)
        return await passing.plain(going, answered, call)
    except RelayError as error:
        ending = Ending(
            outcome=Outcome.FAILED, http_status=error.http_status, error_code=error.code
        )
        keeps.complete(going, ending)
        raise


async def head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """The status and the headers of the answer."""
    raw = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = raw.split("\r\n")
    fields = (line.split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value for name, value in fields}


async def chunk(reader: asyncio.StreamReader) -> bytes:
    """One chunk of a chunked body; empty at its proper end."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    data = await reader.readexactly(size)
    assert await reader.readexactly(2) == b"\r\n"
    return data


async def chunks(reader: asyncio.StreamReader) -> bytes:
    """The whole chunked body. Raises where the framing has no proper end."""
    body = b""
    while part := await chunk(reader):
        body += part
    return body


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not check():
            await asyncio.sleep(0.005)
