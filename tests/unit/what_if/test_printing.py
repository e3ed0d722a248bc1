"""The answer says the same in each form."""

import csv
import json
from collections.abc import Iterator

import pytest

from operations.what_if.printing import printed
from operations.what_if.progress import line
from operations.what_if.reached import Reached
from operations.what_if.state import State

SUMS = {(2, "b"): [1, 5, 4], (1, "a, b"): [2, 1_000, 1_500], (1, ""): [1, 0, 0]}


@pytest.fixture
def state() -> Iterator[State]:
    with State.at("", {"source": "kafka"}) as made:
        made.begin({}, {"total": 4})
        made.add(SUMS)
        made.move(Reached(4, 4, not_rateable=1, unreadable=2, repeated=3, is_done=True))
        yield made


def test_as_json(state: State) -> None:
    told = json.loads("".join(printed(state, "json")))
    assert (told["requests"], told["old_units"], told["new_units"]) == (4, 1005, 1504)
    assert told["difference_units"] == 499
    assert (told["not_rateable"], told["unreadable"], told["repeated"]) == (1, 2, 3)
    assert [row["workspace_id"] for row in told["results"]] == [1, 1, 2]
    assert told["results"][1] == {
        "workspace_id": 1,
        "model": "a, b",
        "requests": 2,
        "old_units": 1000,
        "new_units": 1500,
        "difference_units": 500,
    }


def test_as_csv(state: State) -> None:
    rows = list(csv.DictReader(printed(state, "csv")))
    assert [row["model"] for row in rows] == ["", "a, b", "b"]
    assert rows[2]["difference_units"] == "-1"


def test_as_text_with_what_is_in_no_sum(state: State) -> None:
    lines = list(printed(state, "text"))
    assert lines[2].split() == ["1", "a,", "b", "2", "1,000", "1,500", "500"]
    assert lines[4].split() == ["all", "4", "1,005", "1,504", "499"]
    assert [text.split()[1] for text in lines if text.startswith("note")] == ["1", "2", "3"]


def test_the_rate_is_of_this_command_alone() -> None:
    assert line(600, 1000, 500, 2.0) == "600 of 1,000 (60 %), 50/s, 8 s left"
    assert line(10, 100_000, 0, 1.0) == "10 of 100,000 (0 %), 10/s, 167 min left"
    assert line(0, 0, 0, 0.0) == "0 of 0 (0 %), 0/s, 0 s left"
