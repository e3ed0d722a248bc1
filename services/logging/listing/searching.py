"""What a search finds: rows by their type, by what they say, or by their model. Pure.

Nearly all rows say the same sentence, USUAL. Whether a keyword is in it is known without looking at
a row; the other rows are found by an index of trigrams that leaves those out, and models by their
names, of which there are few. So each way has an index, and gives its newest rows at once.
"""

from typing import Final, NamedTuple

from services.logging.listing.conditions import where
from services.logging.listing.filters import Filters
from services.logging.rows.rows import LogType

USUAL: Final = "API call succeeded"
"""As migration 0002 has it in the index's condition."""
_TYPE_NAMES: Final = {
    LogType.RECHARGE: ("1", "recharge", "top-up", "充值"),
    LogType.CONSUMPTION: ("2", "consumption", "consume", "消费"),
    LogType.MANAGEMENT: ("3", "management", "manage", "管理"),
    LogType.ERROR: ("4", "error", "错误"),
    LogType.SYSTEM: ("5", "system", "系统"),
}
_TYPES: Final = {name: int(kind) for kind, names in _TYPE_NAMES.items() for name in names}


class Keyword(NamedTuple):
    """A keyword, and what is known of it before any row is looked at."""

    pattern: str
    """For ILIKE: the keyword anywhere; nothing in it is special."""
    type: int | None
    """Where it is a type's number or name."""
    is_usual: bool
    """Whether the usual sentence has it."""


def keyword_of(text: str) -> Keyword:
    """What a text that is not empty looks for."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    lowered = text.lower()
    return Keyword(f"%{escaped}%", _TYPES.get(lowered.strip()), lowered in USUAL.lower())


def search(
    filters: Filters, keyword: Keyword, models: list[str], *, limit: int
) -> tuple[str, list[object]]:
    """A query for the ids of the newest rows, and its parameters.

    `models`: the names that have the keyword.
    """
    clause, values = where(filters)
    newest = f"ORDER BY created_at DESC, id DESC LIMIT {limit}"

    def rows(condition: str) -> str:
        return f"SELECT id, created_at FROM logs WHERE {clause} AND {condition} {newest}"

    ways = [rows(f"content <> '{USUAL}' AND content ILIKE ${len(values) + 1}::text")]
    values = [*values, keyword.pattern]
    if keyword.type is not None:
        ways.append(rows(f"type = {keyword.type:d}"))
    if keyword.is_usual:
        ways.append(rows(f"content = '{USUAL}'"))
    if models:
        # One walk for each: an index gives the newest rows of one name, and not of several.
        ways.append(
            f"SELECT one.* FROM unnest(${len(values) + 1}::text[]) AS named (name)"
            f" CROSS JOIN LATERAL ({rows('model_name = named.name')}) AS one"
        )
        values.append(models)
    return (
        f"SELECT id FROM ({' UNION '.join(f'({way})' for way in ways)}) AS found {newest}",
        values,
    )
