"""What a search finds: rows by their type, by what they say, or by their model. Pure.

Nearly all rows say the same sentence, USUAL. Whether a keyword is in it is known without looking at
a row, and so it is of what other requests say: that is a closed set. Free text, of the rows that
are no request's, is found by trigrams, and models by their names, of which there are few. So each
way has an index, and gives its newest rows at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from services.logging.listing.conditions import within
from services.logging.listing.filters import Filters
from services.logging.listing.moments import Moment
from services.logging.listing.places import Piece
from services.logging.listing.stretches import Stretch
from services.logging.rows.error_sentences import KNOWN
from services.logging.rows.rows import LogType
from services.logging.statement_parts import Values

USUAL: Final = "API call succeeded"
"""As migration 0003 has it in the index's condition."""
_DAY_S: Final = 86_400
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

    text: str
    """In small letters."""
    pattern: str
    """For ILIKE: the keyword anywhere; nothing in it is special."""
    type: int | None
    """Where it is a type's number or name."""

    def is_in(self, said: str) -> bool:
        """Whether a sentence or a name has it."""
        return self.text in said.lower()


class Sought(NamedTuple):
    """What of the rows has the keyword, as far as it is known beforehand."""

    keyword: Keyword
    sentences: Sequence[str]
    """Of requests, which have it; USUAL may be one."""
    models: Sequence[str] | None
    """Names that have it; None where they are not known, and every name has to be looked at."""


def keyword_of(text: str) -> Keyword:
    """What a text that is not empty looks for."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    lowered = text.lower()
    return Keyword(lowered, f"%{escaped}%", _TYPES.get(lowered.strip()))


def sentences_with(keyword: Keyword, older: Iterable[str]) -> list[str]:
    """The sentences of requests that have it. `older`: those that earlier releases wrote."""
    return sorted(said for said in KNOWN | set(older) if keyword.is_in(said))


def stretches_of(pieces: Iterable[Piece]) -> list[Stretch]:
    """Days with rows, newest first, in stretches that grow.

    What many rows have is found in the first; what few have takes few queries.
    """
    days = sorted({piece.lower // _DAY_S * _DAY_S for piece in pieces if piece.rows}, reverse=True)
    stretches: list[Stretch] = []
    most = 1
    while days:
        some, days = days[:most], days[most:]
        stretches.append(Stretch(some[-1], some[0] + _DAY_S))
        most *= 2
    return stretches


class _Way(NamedTuple):
    """One walk along an index, newest first; with names, one for each."""

    condition: str
    names: str = ""


def search(
    filters: Filters,
    sought: Sought,
    stretch: Stretch,
    moment: Moment,
    *,
    limit: int,
    is_led: bool,
) -> tuple[str, list[object]]:
    """A query for created_at and id of the newest rows in the stretch, and its parameters.

    `is_led`: of a user, a key or a workspace: its rows are walked, and not what everybody said.
    """
    values = Values()
    clause = within(filters, stretch, values, hidden=moment.hidden)
    pattern = values.place(sought.keyword.pattern, "text")
    ways = _led(sought, pattern, values) if is_led else _looked_up(sought, pattern, values)
    walks = []
    for way in ways:
        walk = (
            f"SELECT created_at, id FROM logs WHERE {clause} AND {way.condition}"
            f" ORDER BY created_at DESC, id DESC LIMIT {limit:d}"
        )
        if way.names:
            # One walk for each: an index gives the newest rows of one, and not of several.
            named = f"unnest({way.names}) AS named (name)"
            walk = f"SELECT one.* FROM {named} CROSS JOIN LATERAL ({walk}) AS one"
        walks.append(walk)
    return " UNION ".join(f"({walk})" for walk in walks), list(values)


def _led(sought: Sought, pattern: str, values: Values) -> Iterator[_Way]:
    """Of rows that an index leads to: what is said seldom has one of its own for each user."""
    said = values.place([each for each in sought.sentences if each != USUAL], "text[]")
    terms = [f"\"group\" = '' AND content ILIKE {pattern}", f"content = ANY({said})"]
    usual = [f"content = '{USUAL}'"] if USUAL in sought.sentences else []
    if sought.models is None:
        usual.append(f"model_name ILIKE {pattern}")
    elif sought.models:
        usual.append(f"model_name = ANY({values.place(list(sought.models), 'text[]')})")
    if sought.keyword.type is not None:
        of_type = usual if sought.keyword.type == LogType.CONSUMPTION else terms
        of_type.append(f"type = {sought.keyword.type:d}")
    yield _Way(f"content <> '{USUAL}' AND ({' OR '.join(terms)})")
    if usual:
        yield _Way(f"({' OR '.join(usual)})")


def _looked_up(sought: Sought, pattern: str, values: Values) -> Iterator[_Way]:
    """Of everybody's rows: each way by the index of what it looks for."""
    yield _Way(f"\"group\" = '' AND content ILIKE {pattern}")
    if sought.keyword.type is not None:
        yield _Way(f"type = {sought.keyword.type:d}")
    if USUAL in sought.sentences:
        yield _Way(f"content = '{USUAL}'")
    if others := [said for said in sought.sentences if said != USUAL]:
        named = values.place(others, "text[]")
        yield _Way(f"content = named.name AND content <> '{USUAL}'", named)
    if sought.models is None:
        yield _Way(f"model_name ILIKE {pattern}")
    elif sought.models:
        yield _Way("model_name = named.name", values.place(list(sought.models), "text[]"))
