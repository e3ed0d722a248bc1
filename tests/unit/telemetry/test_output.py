"""Log lines are gathered into few writes, in order, and none waits for long."""

import asyncio
import io
import os
import threading
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


def test_lines_of_two_writers_in_one_pipe_stay_whole() -> None:
    """A container's log is a pipe, and workers share it: a line inside another is nobody's."""
    read_fd, write_fd = os.pipe()
    both = threading.Barrier(2)

    def write(fd: int, text: str) -> None:
        with os.fdopen(fd, "w") as stream:
            output = BufferedOutput(stream)
            both.wait()
            for _ in range(10):
                for _ in range(200):  # more than a pipe holds
                    output.write(text)
                output.drain()

    texts = [mark * 700 + "é\n" for mark in ("a", "b")]
    writers = [
        threading.Thread(target=write, args=(fd, text))
        for fd, text in zip((write_fd, os.dup(write_fd)), texts, strict=True)
    ]
    for writer in writers:
        writer.start()
    with os.fdopen(read_fd) as pipe:
        lines = pipe.readlines()
    assert sorted(set(lines)) == texts
    assert len(lines) == 4_000
