"""Columns of numbers as PostgreSQL's text for arrays. Pure.

The client packs an array of numbers one by one, asking of each what it is: for the hundred thousand
numbers of a batch that takes a fifth of all its time. As text they take a tenth of that, and the
server reads them as fast.
"""

from collections.abc import Iterable, Sequence


def number_array(column: Iterable[int | None]) -> str:
    """For a parameter `$1::text::bigint[]`."""
    listed = str(list(column))[1:-1]
    return "{" + (listed.replace("None", "NULL") if "N" in listed else listed) + "}"


def number_arrays(rows: Iterable[Sequence[int]]) -> list[str]:
    """A parameter for each column of the rows, which have the same columns and are not none."""
    return [number_array(column) for column in zip(*rows, strict=True)]
