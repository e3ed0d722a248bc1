"""A checksum of each hour's rows: what was written adds up to it, or it was not all. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from services.logging.buckets import Grain
from services.logging.ingest.counting import is_request
from services.logging.rows.rows import LogRow

_HOUR: Final = int(Grain.HOUR)
_LAST_BYTES: Final = slice(-8, None)
_SIGNED: Final = 2**63
_BEYOND: Final = 2**64


class Check(NamedTuple):
    """The sums of an hour: of all its rows, and of its requests'."""

    rows: int = 0
    quota: int = 0
    tokens: int = 0
    marks: int = 0
    """The events' marks, XORed: whichever is missing or too much shows."""
    requests: int = 0
    request_quota: int = 0
    request_marks: int = 0


def mark_of(event_id: bytes) -> int:
    """An event's mark: the last 8 of its id's 16 bytes, as PostgreSQL's bigint."""
    return int.from_bytes(event_id[_LAST_BYTES], "big", signed=True)


def mark_of_uuid(event_id: str) -> int:
    """The same of an id as text."""
    mark = int(event_id[19:23] + event_id[24:], 16)
    return mark - _BEYOND if mark >= _SIGNED else mark


def sum_up(rows: Iterable[LogRow], *, sign: int = 1) -> dict[int, Check]:
    """By hour. A row that is taken away with sign -1 leaves no mark: XOR is its own opposite."""
    hours: dict[int, list[int]] = {}
    for row in rows:
        hour = row.created_at - row.created_at % _HOUR
        sums = hours.get(hour)
        if sums is None:
            sums = hours[hour] = [0] * len(Check._fields)
        mark = mark_of_uuid(row.event_id)
        quota = sign * row.quota
        sums[0] += sign
        sums[1] += quota
        sums[2] += sign * (row.prompt_tokens + row.completion_tokens)
        sums[3] ^= mark
        if is_request(row.type, row.group):
            sums[4] += sign
            sums[5] += quota
            sums[6] ^= mark
    return {hour: Check(*sums) for hour, sums in hours.items()}
