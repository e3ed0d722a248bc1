"""Services are asked seldom, and what one told last is kept while it cannot be asked."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.logging.transparency.document import Part
from services.logging.transparency.gathering import Gathering
from shared.http.internal_client import InternalCallError
from shared.transparency.disclosure import ServiceSchema

_ANSWER = ServiceSchema(
    tables={"users": {"id": "bigint"}},
    secrets={},
    withheld={},
    migrated_at=datetime(2026, 11, 1, tzinfo=UTC),
)


class _Service:
    """One that answers, or does not."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.asked = 0

    async def ask(self) -> ServiceSchema:
        self.asked += 1
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return _ANSWER


async def _part(gathering: Gathering) -> Part:
    (part,) = await gathering.parts()
    return part


async def test_many_readers_at_once_ask_once() -> None:
    service = _Service()
    gathering = Gathering({"control": service.ask})
    told = await asyncio.gather(*(gathering.parts() for _ in range(50)))
    assert service.asked == 1
    assert {part.is_current for parts in told for part in parts} == {True}


async def test_it_is_asked_again_when_the_time_is_over() -> None:
    service = _Service()
    gathering = Gathering({"control": service.ask}, keep_s=0)
    await gathering.parts()
    await gathering.parts()
    assert service.asked == 2


@pytest.mark.parametrize(
    "failure",
    [InternalCallError("away"), TimeoutError(), OSError()],
    ids=lambda e: type(e).__name__,
)
async def test_what_it_told_last_is_kept_and_said_to_be_old(failure: Exception) -> None:
    service = _Service()
    gathering = Gathering({"control": service.ask}, keep_s=0, retry_s=0)
    first = await _part(gathering)
    service.failure = failure
    kept = await _part(gathering)
    assert (kept.schema, kept.read_at, kept.is_current) == (_ANSWER, first.read_at, False)
    service.failure = None
    assert (await _part(gathering)).is_current


async def test_one_that_is_away_is_not_asked_by_every_reader() -> None:
    service = _Service(InternalCallError("away"))
    gathering = Gathering({"control": service.ask})
    for _ in range(20):
        part = await _part(gathering)
    assert service.asked == 1
    assert (part.schema, part.read_at, part.is_current) == (None, None, False)


async def test_one_that_is_away_does_not_hide_the_others() -> None:
    gathering = Gathering({"control": _Service(OSError()).ask, "billing": _Service().ask})
    control, billing = await gathering.parts()
    assert (control.service, control.is_current) == ("control", False)
    assert (billing.service, billing.schema) == ("billing", _ANSWER)
