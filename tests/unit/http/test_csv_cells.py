"""Cells of CSV: no text in one is a formula."""

import csv
import io

import pytest

from shared.http.csv_cells import csv_bytes, csv_cell

WIDE = ["\uff1d1", "\uff0b1", "\uff0d1", "\uff20A"]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@A", "\t=1", "\r=1", "\n=1", *WIDE])
def test_no_text_begins_a_formula(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=1", "", -1, 1.5, "ünï", 'a "b", c', "two\nlines", " =1"])
def test_what_is_none_is_read_back_as_it_was(value: object) -> None:
    [[read]] = csv.reader(io.StringIO(csv_bytes([[csv_cell(value)]]).decode(), newline=""))
    assert read == str(value)


def test_what_is_not_known_is_an_empty_cell() -> None:
    assert csv_bytes([[csv_cell(None), 1]]) == b",1\r\n"
