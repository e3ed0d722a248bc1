"""A worker as its supervisor sees it: `fake_worker.py BEHAVIOUR LINE_FD`. Starts in no time."""

import json
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SERVED = 7
"""What each of these workers counts."""


def fake(*behaviours: str) -> Callable[[int, int], Sequence[str]]:
    """A command that behaves as told in turn, by worker: the last behaviour for ever."""
    starts: dict[int, int] = {}

    def command(number: int, line_fd: int) -> Sequence[str]:
        start = starts[number] = starts.get(number, -1) + 1
        behaviour = behaviours[min(start, len(behaviours) - 1)]
        return sys.executable, "-I", "-S", str(Path(__file__)), behaviour, str(line_fd)

    return command


def _report(line: socket.socket, *, waits_for: dict[str, str], served: int) -> None:
    figures = [
        ["served", "Requests", "counter", [["served_total", {"model": "m"}, served]]],
        ["open", "Open", "gauge", [["open", {}, 1]]],
    ]
    body = json.dumps([waits_for, {"limits": "a note"}, figures]).encode()
    line.sendall(struct.pack(">I", len(body)) + body)


def _main(behaviour: str, line: socket.socket) -> int:
    if behaviour == "fails":
        return 3
    if behaviour == "waits":
        _report(line, waits_for={"state": "reading"}, served=0)
        signal.pause()
    if behaviour == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _report(line, waits_for={}, served=SERVED)
    if behaviour == "crashes":
        return 4
    if behaviour == "silent":
        time.sleep(60)
    while True:
        time.sleep(0.2)
        _report(line, waits_for={}, served=SERVED)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], socket.socket(fileno=int(sys.argv[2]))))
