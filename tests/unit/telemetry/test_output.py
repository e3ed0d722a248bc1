"""Log lines are gathered into few writes, in order, and none waits for long."""

import asyncio
import io
import time

from shared.telemetry.output import FLUSH_S, BufferedOutput


class CountingStream(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def line(output: BufferedOutput, text: str) -> None:
    output.write(text + "\n")
    output.flush()


def test_outside_of_a_loop_each_line_is_written_at_once() -> None:
    stream = CountingStream()
    line(BufferedOutput(stream), "first")
    assert stream.getvalue() == "first\n"


async def test_lines_of_a_moment_share_a_write_and_keep_their_order() -> None:
    stream = CountingStream()
    output = BufferedOutput(stream)
    for number in range(50):
        line(output, str(number))
    assert stream.writes == 0
    started = time.monotonic()
    while not stream.writes and time.monotonic() - started < 5:
        await asyncio.sleep(0.001)
    assert stream.getvalue() == "".join(f"{number}\n" for number in range(50))
    assert stream.writes == 1
    assert time.monotonic() - started < FLUSH_S * 50


async def test_a_flood_is_written_before_it_fills_the_memory() -> None:
    stream = CountingStream()
    output = BufferedOutput(stream)
    for number in range(2_500):
        line(output, str(number))
    assert stream.writes == 2
    output.drain()
    assert len(stream.getvalue().splitlines()) == 2_500


async def test_an_error_is_written_at_once_and_in_its_place() -> None:
    """It may be the last line of a process that dies of it."""
    stream = CountingStream()
    output = BufferedOutput(stream)
    line(output, "before")
    output.hurry()
    line(output, "the error")
    assert stream.getvalue() == "before\nthe error\n"
    line(output, "after")
    assert stream.writes == 1
