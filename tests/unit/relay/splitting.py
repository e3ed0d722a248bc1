"""A stream in pieces: however it is cut, it must be the same stream to who follows it."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from services.relay.dialects.dialect import StreamReader

MakeReader = Callable[[], StreamReader]


def told(reader: StreamReader) -> tuple[object, ...]:
    """All that a reader tells."""
    return (
        reader.usage,
        reader.told_input,
        reader.content_bytes,
        reader.is_ended,
        reader.is_whole,
        reader.has_error,
        reader.ending(),
    )


def assert_same_when_cut(stream: bytes, cuts: Sequence[int], make: MakeReader) -> None:
    """Cut at these places, it passes the same bytes and tells the same as in one piece."""
    whole, reader = make(), make()
    passed = [reader.feed(stream[a:b]) for a, b in pairwise([0, *cuts, len(stream)])]
    assert b"".join(passed) == whole.feed(stream)
    assert told(reader) == told(whole)


def assert_same_when_cut_anywhere(stream: bytes, make: MakeReader) -> None:
    """Cut once at each byte, and byte by byte."""
    for cut in range(1, len(stream)):
        assert_same_when_cut(stream, [cut], make)
    assert_same_when_cut(stream, range(1, len(stream)), make)
