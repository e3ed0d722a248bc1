"""Prices from a file of JSON or CSV, as a draft has them. Pure.

JSON: an object of prices by model, as `PUT /api/prices/{model}` takes them. CSV: a first line of
names, `model` and the figures; a cell of `tiers`, `service_tiers`, `tool_prices` or
`second_prices` is JSON; an empty cell is left out.
"""

import csv
import io
from typing import Annotated, Any, Final

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from services.billing.prices.price_body import PriceFields
from shared.events.text import ModelName

_IN_JSON: Final = ("tiers", "service_tiers", "tool_prices", "second_prices")
_Model = Annotated[ModelName, Field(min_length=1)]
_PRICES: Final = TypeAdapter(Annotated[dict[_Model, PriceFields], Field(max_length=5_000)])


class FileError(Exception):
    """The file has no prices that can be read; says where, and never quotes it."""


def read_prices_file(text: str, *, is_csv: bool) -> dict[str, PriceFields]:
    """The prices by model. Raises FileError."""
    try:
        told = _rows(text) if is_csv else orjson.loads(text)
        return _PRICES.validate_python(told)
    except orjson.JSONDecodeError:
        raise FileError("what should be JSON is none") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FileError(f"{where}: {first['msg']}") from None


def _rows(text: str) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        model = row.pop("model", None)
        if not model or model in rows:
            raise FileError(f"line {number}: a model of its own is needed")
        figures = {name: cell for name, cell in row.items() if name and cell}
        rows[model] = {
            name: orjson.loads(cell) if name in _IN_JSON else cell for name, cell in figures.items()
        }
    return rows
