"""A run that is stopped anywhere and goes on ends with what one that was not stopped ends with."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from operations.what_if.reached import Reached
from operations.what_if.running import run
from operations.what_if.source import CannotBeSaidError, Chunk, Told
from operations.what_if.state import State
from services.billing.what_if.store_charges import OldCharge

QUESTION = {"source": "kafka", "since": "a", "until": "b"}
PRICES = {"prices": {"m": {"model_ratio": "3"}}}
RATING = orjson.dumps({"model_ratio": "1"}).decode()
DETAIL = orjson.dumps({"usage": {"prompt_tokens": 10}, "usage_source": "provider"}).decode()
ONE = {(1, "m"): [1, 10, 30]}


class DiedError(Exception):
    """What a kill is to a run."""


class Made:
    """A Source: 40 charges, a fifth of them of a model of its own price, and every third twice."""

    def __init__(self, *, dies_after: int | None = None) -> None:
        self.dies_after = dies_after
        self.told = [_told(number) for number in range(40)]
        self.told += [_told(number) for number in range(0, 40, 3)]

    async def stretch(self) -> dict[str, Any]:
        return {"total": len(self.told)}

    async def chunks(
        self, _stretch: dict[str, Any], position: Any, *, size: int
    ) -> AsyncIterator[Chunk]:
        at = position or 0
        given = 0
        while at < len(self.told):
            if given == self.dies_after:
                raise DiedError
            told = self.told[at : at + size]
            at += len(told)
            given += 1
            yield Chunk(told, at, len(told), unreadable=1)


def _told(number: int) -> Told:
    model = "m" if number % 5 else "other"
    detail = None if number == 7 else DETAIL
    charge = OldCharge(0, 1 + number % 3, model, detail, RATING, 10, 0)
    return Told(b"%d" % number, charge)


async def prices() -> dict[str, Any]:
    return PRICES


def ignore(_reached: Reached, *, total: int) -> None:
    assert total


async def whole(path: str) -> tuple[list[Any], Reached]:
    with State.at(path, QUESTION) as state:
        await run(state, Made(), prices, chunk=7, tell=ignore)
        return list(state.rows()), state.reached


async def test_old_and_new_by_workspace_and_model_and_what_came_twice_once() -> None:
    rows, reached = await whole("")

    assert sum(row[2] for row in rows) == 39
    assert sum(row[3] for row in rows) == 390
    of_others = sum(row[2] for row in rows if row[1] == "other")
    assert (of_others, sum(row[4] for row in rows)) == (8, 8 * 10 + 31 * 30)
    assert reached == Reached(54, 54, not_rateable=1, unreadable=8, repeated=14, is_done=True)


@pytest.mark.parametrize("dies_after", range(8))
async def test_going_on_after_any_chunk_adds_up_to_the_same(
    tmp_path: Path, dies_after: int
) -> None:
    path = str(tmp_path / "state")
    with pytest.raises(DiedError), State.at(path, QUESTION) as state:
        await run(state, Made(dies_after=dies_after), prices, chunk=7, tell=ignore)

    seen: list[int] = []

    def tell(reached: Reached, *, total: int) -> None:
        assert total == 54
        seen.append(reached.looked_at)

    with State.at(path, QUESTION) as state:
        await run(state, Made(), prices, chunk=5, tell=tell)
        ended = list(state.rows()), state.reached._replace(unreadable=0)

    assert seen[0] == min(7 * dies_after, 54)
    rows, reached = await whole("")
    assert ended == (rows, reached._replace(unreadable=0))


async def test_a_kill_within_a_chunk_leaves_nothing_of_it(tmp_path: Path) -> None:
    path = str(tmp_path / "state")

    def half_a_chunk(state: State) -> None:
        with state.saving():
            assert state.is_new(b"1")
            state.add(ONE)
            raise DiedError

    with State.at(path, QUESTION) as state:
        state.begin(PRICES, await Made().stretch())
        with pytest.raises(DiedError):
            half_a_chunk(state)

    with State.at(path, QUESTION) as state:
        assert (list(state.rows()), state.reached) == ([], Reached())
        assert state.is_new(b"1")


async def test_the_prices_and_the_stretch_are_those_of_the_first_start(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    with pytest.raises(DiedError), State.at(path, QUESTION) as state:
        await run(state, Made(dies_after=1), prices, chunk=7, tell=ignore)

    async def never() -> dict[str, Any]:
        raise AssertionError("asked for prices again")

    with State.at(path, QUESTION) as state:
        await run(state, Made(), never, chunk=7, tell=ignore)
        assert (state.prices, state.stretch, state.is_done) == (PRICES, {"total": 54}, True)


async def test_of_two_commands_at_one_state_one_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "state")

    def a_chunk(state: State) -> None:
        with state.saving():
            state.add(ONE)
            state.move(Reached(position=7))

    with State.at(path, QUESTION) as one:
        one.begin(PRICES, {"total": 54})
        with State.at(path, QUESTION) as other:
            a_chunk(other)

        with pytest.raises(CannotBeSaidError, match="another command"):
            a_chunk(one)
        assert list(one.rows()) == [(1, "m", 1, 10, 30)]


def test_a_file_of_another_question_is_refused_with_its_question(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    with State.at(path, QUESTION):
        pass
    with (
        pytest.raises(CannotBeSaidError, match="another question: source kafka, since a"),
        State.at(path, QUESTION | {"since": "c"}),
    ):
        pass


def test_what_is_no_state_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_bytes(b"somebody's notes" * 100)
    with pytest.raises(CannotBeSaidError, match="cannot be used"), State.at(str(file), QUESTION):
        pass
    assert file.read_bytes() == b"somebody's notes" * 100
    with (
        pytest.raises(CannotBeSaidError, match="cannot be used"),
        State.at(str(tmp_path), QUESTION),
    ):
        pass
