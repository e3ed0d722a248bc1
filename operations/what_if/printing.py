"""The answer, line by line: there may be more sums than one wants to have in memory."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from operations.what_if.state import State

_HEAD: Final = ("workspace_id", "model", "requests", "old_units", "new_units", "difference_units")


def printed(state: State, form: str) -> Iterator[str]:
    """As `text`, `csv` or `json`: one object, a line for each sum."""
    if form == "json":
        return _json(state)
    return _csv(state) if form == "csv" else _text(state)


def _rows(state: State) -> Iterator[tuple[Any, ...]]:
    return ((*row, row[-1] - row[-2]) for row in state.rows())


def _text(state: State) -> Iterator[str]:
    yield _columns("workspace", "model", "requests", "old", "new", "difference")
    for workspace_id, model, *figures in _rows(state):
        yield _columns(workspace_id, model or "-", *(f"{figure:,}" for figure in figures))
    requests, old, new = state.totals()
    yield _columns("all", "", *(f"{figure:,}" for figure in (requests, old, new, new - old)))
    yield "in quota units: 500,000 are $1"
    reached = state.reached
    for count, what in (
        (reached.not_rateable, "charges keep too little to be rated again: they are in no sum"),
        (reached.unreadable, "records could not be read: they are in no sum"),
        (reached.repeated, "records repeat a request: it is counted once"),
    ):
        if count:
            yield f"note: {count:,} {what}"


def _columns(workspace: object, model: str, *figures: str) -> str:
    return f"{workspace!s:>10}  {model:<32}" + "".join(f"{figure:>20}" for figure in figures)


def _csv(state: State) -> Iterator[str]:
    return _written(row for rows in ([_HEAD], _rows(state)) for row in rows)


def _written(rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="")
    for row in rows:
        writer.writerow(row)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _json(state: State) -> Iterator[str]:
    requests, old, new = state.totals()
    reached = state.reached
    head = {
        "question": state.question,
        "looked_at": reached.looked_at,
        "not_rateable": reached.not_rateable,
        "unreadable": reached.unreadable,
        "repeated": reached.repeated,
        "requests": requests,
        "old_units": old,
        "new_units": new,
        "difference_units": new - old,
    }
    yield orjson.dumps(head).decode().removesuffix("}") + ', "results": ['
    comma = ""
    for row in _rows(state):
        yield comma + orjson.dumps(dict(zip(_HEAD, row, strict=True))).decode()
        comma = ","
    yield "]}"
