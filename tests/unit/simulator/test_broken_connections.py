import asyncio
from typing import Any

import aiohttp
import pytest

from tests.unit.simulator.conftest import Simulator

LONGEST_WAIT_S = 10


async def read_raw(simulator: Simulator, simulate: str, *, stream: bool) -> tuple[bytes, bool]:
    """All bytes of an answer up to the connection's end, and whether that end was a reset."""
    host, port = simulator.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    flag = "true" if stream else "false"
    body = f'{{"model":"m","stream":{flag},"messages":[{{"role":"user","content":"hello"}}]}}'
    writer.write(
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
        f"x-simulate: {simulate}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    got = bytearray()
    try:
        async with asyncio.timeout(LONGEST_WAIT_S):
            while data := await reader.read(65_536):
                got += data
    except ConnectionResetError:
        return bytes(got), True
    else:
        return bytes(got), False
    finally:
        writer.close()


async def only_outcome(simulator: Simulator, wanted: str) -> dict[str, Any]:
    """The one request served, once its outcome is the wanted one."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            record: dict[str, Any] = (await simulator.served())["requests"][-1]
            if record["outcome"] == wanted:
                return record
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("count", [0, 3])
async def test_a_cut_stream_ends_without_its_last_chunk(simulator: Simulator, count: int) -> None:
    got, reset = await read_raw(simulator, f"cut_after_events={count}", stream=True)
    assert not reset
    assert got.startswith(b"HTTP/1.1 200")
    assert got.count(b"data: {") == count
    assert not got.endswith(b"0\r\n\r\n")
    await only_outcome(simulator, "cut")


async def test_a_stream_cut_after_done_is_cut_all_the_same(simulator: Simulator) -> None:
    got, _ = await read_raw(simulator, "cut_after_events=19", stream=True)
    assert b"[DONE]" in got
    assert not got.endswith(b"0\r\n\r\n")
    await only_outcome(simulator, "cut")


@pytest.mark.parametrize("size", [0, 50])
async def test_a_cut_body_is_shorter_than_its_length_says(simulator: Simulator, size: int) -> None:
    got, _ = await read_raw(simulator, f"cut_body_at={size}", stream=False)
    head, _, body = got.partition(b"\r\n\r\n")
    assert len(body) == size
    assert b"content-length: " in head.lower()
    assert b"content-length: %d" % size not in head.lower()
    await only_outcome(simulator, "cut")


async def test_a_reset_comes_before_any_byte(simulator: Simulator) -> None:
    assert await read_raw(simulator, "reset", stream=False) == (b"", True)
    await only_outcome(simulator, "cut")


async def test_a_reset_comes_after_so_many_events(simulator: Simulator) -> None:
    got, reset = await read_raw(simulator, "reset_after_events=2", stream=True)
    assert reset
    assert got.count(b"data: {") <= 2  # the kernel may drop what was not yet read
    await only_outcome(simulator, "cut")


@pytest.mark.parametrize("simulate", [{"hang": True}, {"hang_after_events": 2}])
async def test_a_hang_lasts_until_the_caller_hangs_up(
    simulator: Simulator, simulate: dict[str, Any]
) -> None:
    timeout = aiohttp.ClientTimeout(total=0.3)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        impatient = Simulator(simulator.url, session)
        with pytest.raises(TimeoutError):
            async with impatient.chat(simulate=simulate, stream=True) as response:
                await response.read()
    await only_outcome(simulator, "client_gone")


async def test_a_delay_comes_before_the_first_byte(simulator: Simulator) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with simulator.chat(simulate={"delay_ms": 120}) as response:
        assert response.status == 200
    assert loop.time() - started >= 0.12
