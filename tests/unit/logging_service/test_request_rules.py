"""Requests as they are asked for and shown: rules without a database."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.logging.listing.cursors import Place
from services.logging.live.frames import frame_of, seen_until
from services.logging.live.matching import matcher
from services.logging.live.readers import MAX_FRAMES, Reader, Readers, TooManyReadersError
from services.logging.requests.clients import client_of
from services.logging.requests.filters import RequestFilters
from services.logging.requests.query import RequestFilterQuery
from services.logging.requests.request_times import times_of
from services.logging.requests.shown import item_of
from services.logging.requests.walking import walk_from
from shared.events.event import new_event_id
from tests.made_request_rows import FILTERED, request_log_row

DAY_S = 86_400


@pytest.mark.parametrize(("changes", "asked", "not_asked"), FILTERED)
def test_a_stream_matches_what_the_database_finds(
    changes: dict[str, object], asked: dict[str, str], not_asked: dict[str, str]
) -> None:
    """The same rows that `test_requests.py` looks for in the table."""
    usual, row = request_log_row(), request_log_row(**changes)
    wanted = matcher(RequestFilterQuery.model_validate(asked).filters())
    unwanted = matcher(RequestFilterQuery.model_validate(not_asked).filters())
    assert wanted(row._asdict())
    assert not wanted(usual._asdict())
    assert not unwanted(row._asdict())


@given(wildcard=st.text("ab%", min_size=1, max_size=8), name=st.text("ab", max_size=8))
@example(wildcard="a%a", name="a")
@example(wildcard="%ab%ab%", name="abb")
def test_a_wildcard_stands_for_any_run_of_characters(wildcard: str, name: str) -> None:
    pattern = ".*".join(map(re.escape, wildcard.split("%")))
    matches = matcher(RequestFilters(model=wildcard))
    assert matches({"model_name": name}) == bool(re.fullmatch(pattern, name))


def test_no_wildcard_takes_long() -> None:
    """Each event is held against it on the loop, and both may be as unkind as a caller likes."""
    matches = matcher(RequestFilters(model="%a" * 63 + "%b"))
    assert not matches({"model_name": "a" * 128})


def test_without_filters_everything_matches() -> None:
    everything = matcher(RequestFilterQuery.model_validate({"model": "", "status": " "}).filters())
    assert everything(request_log_row()._asdict())


def test_an_outcome_that_there_is_not_is_refused() -> None:
    """An empty list would say that no request ended so."""
    with pytest.raises(ValueError, match="interrupted"):
        RequestFilterQuery.model_validate({"outcome": "success"})
    assert RequestFilterQuery.model_validate({"outcome": ""}).filters() == RequestFilters()


def test_a_first_byte_within_a_millisecond_is_known() -> None:
    def shown(**changes: object) -> object:
        row = {**request_log_row(**changes)._asdict(), "id": None}
        return item_of(row, for_admin=False)["first_byte_ms"]

    assert shown(first_byte_ms=0) == 0
    assert shown(first_byte_ms=None, other='{"frt":0}') is None
    assert shown(first_byte_ms=None, other='{"frt":7}') == 7


@pytest.mark.parametrize(
    ("user_agent", "client"),
    [
        ("OpenAI/Python 2.1.0", "openai-python"),
        ("AsyncOpenAI/Python 2.1.0", "openai-python"),
        ("OpenAI/JS 4.0", "openai-node"),
        ("Anthropic/Python 0.40", "anthropic-python"),
        ("Python/3.11 aiohttp/3.9.1", "aiohttp"),
        ("Python/3.11 something", None),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0 (X11)", "browser"),
        ("what I said", None),
        ("", None),
    ],
)
def test_a_client_is_one_that_is_known_or_none(user_agent: str, client: str | None) -> None:
    assert client_of(user_agent) == client


@given(
    times=st.lists(st.integers(0, 2_000 * DAY_S), max_size=60),
    since=st.none() | st.integers(0, 2_000 * DAY_S),
    narrow=st.lists(st.booleans(), max_size=40),
    limit=st.integers(1, 7),
)
def test_a_walk_meets_each_row_once_newest_first(
    times: list[int], since: int | None, narrow: list[bool], limit: int
) -> None:
    """However rows lie in time, and wherever it has to take smaller steps."""
    now = 1_500 * DAY_S
    rows = sorted({Place(time, number) for number, time in enumerate(times, 1)}, reverse=True)
    walk = walk_from(None, since=since, to=None, now=now)
    begin, met = walk.place, []
    steps = iter(narrow)
    while not walk.is_done:
        if next(steps, False):
            walk.narrow()
        in_step = [row for row in rows if walk.lower <= row.created_at and row < walk.place]
        met += in_step[:limit]
        if len(in_step) >= limit:
            walk.found_some(in_step[limit - 1])
        else:
            walk.found_all()
    assert met == [row for row in rows if row < begin and row.created_at >= (since or 0)]


def test_an_id_of_ours_says_when_to_look_and_any_other_nothing() -> None:
    near, everywhere = times_of(new_event_id())
    assert near[1] - near[0] < 2 * DAY_S
    assert everywhere[0] < 0 < everywhere[1]
    assert times_of("chatcmpl-1") == (everywhere,)
    assert times_of("00000000-0000-4000-8000-000000000000") == (everywhere,)


def test_a_frame_is_one_event_and_its_id_says_where_to_go_on() -> None:
    row = {**request_log_row(username="two\nlines")._asdict(), "id": None}
    frame = frame_of(row, for_admin=False)
    assert frame.endswith(b"\n\n")
    first, *rest = frame.decode().splitlines()
    assert [line.partition(":")[0] for line in rest[:-1]] == ["event", "data"]
    assert seen_until(first.removeprefix("id: ")) == row["created_at"]
    for made_up in ("", "x", "12", "-1-x", "9" * 30 + "-x", "²-x"):
        assert seen_until(made_up) is None


def reader(cut: list[str], *, user_id: int | None = 700) -> Reader:
    return Reader(
        user_id=user_id, for_admin=False, matches=lambda _: True, cut=lambda: cut.append("cut")
    )


async def test_a_queue_that_is_full_is_cut_once_and_holds_nothing_more() -> None:
    cut: list[str] = []
    slow = reader(cut)
    for _ in range(10 * MAX_FRAMES):
        slow.put(b"frame")
    assert cut == ["cut"]
    assert slow.is_cut
    assert await slow.take() == b""


async def test_only_those_are_told_who_may_see_it() -> None:
    readers = Readers(max_readers=3, max_of_a_user=2)
    of_ada, of_bob, of_all = reader([]), reader([], user_id=701), reader([], user_id=None)
    row = {**request_log_row()._asdict(), "id": None}
    assert not readers.may_want(700)
    with readers.joined(of_ada, caller_id=700), readers.joined(of_bob, caller_id=701):
        assert readers.may_want(700)
        assert not readers.may_want(702)
        with readers.joined(of_all, caller_id=1):
            readers.tell(row)
            assert await of_ada.take() == await of_all.take() == frame_of(row, for_admin=False)
            readers.tell_gap(7)
            assert await of_bob.take() == b'event: gap\ndata: {"skipped":7}\n\n'
            with pytest.raises(TooManyReadersError), readers.joined(reader([]), caller_id=3):
                raise AssertionError("one more than there may be")
    with (
        readers.joined(reader([]), caller_id=5),
        readers.joined(reader([]), caller_id=5),
        pytest.raises(TooManyReadersError),
        readers.joined(reader([]), caller_id=5),
    ):
        raise AssertionError("one more of a user than there may be")
    assert len(readers) == 0
    assert not readers.may_want(700)
