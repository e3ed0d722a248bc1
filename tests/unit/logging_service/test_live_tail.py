"""The tail of the topic goes on, whatever it comes upon."""

import asyncio

import pytest

from services.logging.live import tail as live_tail
from services.logging.live.readers import Reader, Readers
from services.logging.live.tail import LiveTail


class FailingOnce:
    """A topic's tail that comes upon what cannot be shown, and then on nothing."""

    def __init__(self) -> None:
        self.runs = 0
        self.goes_on = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        if self.runs == 1:
            raise KeyError("a column that no row has")
        self.goes_on.set()
        await asyncio.Event().wait()


def reader() -> Reader:
    return Reader(user_id=None, for_admin=True, matches=lambda _row: True, cut=lambda: None)


async def test_a_tail_that_fails_ends_its_streams_and_is_followed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Silent streams would be taken for a quiet site, by those who watch and by those who come."""
    monkeypatch.setattr(live_tail, "_AGAIN_S", 0)
    readers, topic = Readers(), FailingOnce()
    tail = LiveTail(bootstrap="", client_id="", readers=readers)
    monkeypatch.setattr(tail, "_topic", topic)
    watching = reader()
    following = asyncio.create_task(tail.run())
    try:
        with readers.joined(watching, caller_id=1):
            async with asyncio.timeout(20):
                await topic.goes_on.wait()
        assert watching.is_ended
        assert not following.done()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
