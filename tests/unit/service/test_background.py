"""Background tasks end with their service, also those that missed that they were to."""

import asyncio

import pytest

from shared.service import background
from shared.service.background import BackgroundTasks


async def test_a_task_that_swallowed_its_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a library may; a service that waited for it would never end."""
    monkeypatch.setattr(background, "_TO_END_S", 0.01)
    swallowed = asyncio.Event()

    async def deaf() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        async with BackgroundTasks() as tasks:
            task = tasks.start("deaf", deaf())
            await asyncio.sleep(0)
    assert swallowed.is_set()
    assert task.cancelled()
    assert not tasks.failed.is_set()
    assert "service.task_cancelled_again" in capsys.readouterr().out


async def test_what_a_task_raises_on_its_way_out_is_not_the_services_error() -> None:
    """The others are waited for all the same."""
    ended: list[str] = []

    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError

    async def tidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("tidy")

    async with BackgroundTasks() as tasks:
        tasks.start("failing", failing())
        tasks.start("tidy", tidy())
        await asyncio.sleep(0)
    assert ended == ["tidy"]
