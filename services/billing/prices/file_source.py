"""Prices from a file of JSON or CSV, as a draft has them. Pure.

JSON: an object of prices by model, as `PUT /api/prices/{model}` takes them, but without the time
from which they hold: that is said when the draft is published. CSV: a first line of names, `model`
and the figures; a cell of `tiers`, `service_tiers`, `tool_prices` or `second_prices` is JSON; an
empty cell is left out. A name that no price has is refused: a figure that is misspelt must not
become a default.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from services.billing.prices.price_body import PricedModel, PriceFields

_IN_JSON: Final = ("tiers", "service_tiers", "tool_prices", "second_prices")
_PRICES: Final = TypeAdapter(Annotated[dict[PricedModel, PriceFields], Field(max_length=5_000)])
_MODEL: Final = "model"


class FileError(Exception):
    """The file has no prices that can be read; says where, and never quotes it."""


def read_prices_file(text: str, *, is_csv: bool) -> dict[str, PriceFields]:
    """The prices by model. Raises FileError."""
    try:
        told = _rows(text) if is_csv else orjson.loads(text)
        prices = _PRICES.validate_python(told)
    except orjson.JSONDecodeError:
        raise FileError("what should be JSON is none") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FileError(f"{where}: {first['msg']}") from None
    for model, fields in told.items():
        _check_names(model, fields)
    return prices


def _rows(text: str) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    table = csv.DictReader(io.StringIO(text), strict=True)
    for row in _read(table):
        line = f"line {table.line_num}"
        model = row.pop(_MODEL, None)
        if not model or model in rows:
            raise FileError(f"{line}: a model of its own is needed")
        if None in row:
            raise FileError(f"{line}: it has more cells than the first line has names")
        figures = {name: cell for name, cell in row.items() if cell}
        rows[model] = {
            name: orjson.loads(cell) if name in _IN_JSON else cell for name, cell in figures.items()
        }
    _check_names("line 1", set(table.fieldnames or ()) - {_MODEL})
    return rows


def _read(table: "csv.DictReader[str]") -> Iterator[dict[str, Any]]:
    try:
        yield from table
    except csv.Error as error:
        raise FileError(f"line {table.line_num}: {error}") from None


def _check_names(where: str, names: Iterable[str]) -> None:
    if unknown := sorted(set(names) - PriceFields.model_fields.keys()):
        raise FileError(f"{where}: no price has {', '.join(map(repr, unknown))}")
