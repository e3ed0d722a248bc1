"""Many records in one outbox row: each field with its length before it, headers once for all.

A batch of 2,000 events writes its ledger events as one row; 2,000 rows would cost more than the
charges do, and so would reading the headers of each that they have in common.

    version   number of header lists   each: how many, and name and content of each header
    number of records                  each: four numbers (_RECORD), then key, value, event id
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from shared.kafka.records import Headers

_VERSION: Final = 2
_EVENT_ID: Final = "ce_id"
_NULL: Final = 0xFFFFFFFF
_U32: Final = struct.Struct(">I")
_RECORD: Final = struct.Struct(">IIII")
"""Lengths of key, value and event id, and which of the lists of headers."""


class OutboxRecord(NamedTuple):
    """One record of a row; the topic is the row's.

    Records that share one `headers` object take its room once, so what tells them apart has a field
    of its own: `event_id` is sent as the header `ce_id`, behind the others.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers
    event_id: bytes | None = None

    @property
    def all_headers(self) -> Headers:
        """As they are sent."""
        if self.event_id is None:
            return self.headers
        return (*self.headers, (_EVENT_ID, self.event_id))


class CorruptOutboxRowError(Exception):
    """The bytes are not a row of this format."""


def encode_row(records: Sequence[OutboxRecord]) -> bytes:
    """The bytes of a row."""
    numbers: dict[int, int] = {}
    lists: list[bytes] = []
    parts: list[bytes] = []
    add, pack = parts.append, _RECORD.pack
    for key, value, headers, event_id in records:
        number = numbers.get(id(headers))
        if number is None:
            number = numbers[id(headers)] = len(lists)
            lists.append(_headers_bytes(headers))
        add(
            pack(
                _NULL if key is None else len(key),
                _NULL if value is None else len(value),
                _NULL if event_id is None else len(event_id),
                number,
            )
        )
        for field in (key, value, event_id):
            if field is not None:
                add(field)
    head = (bytes((_VERSION,)), _U32.pack(len(lists)), *lists, _U32.pack(len(records)))
    return b"".join((*head, *parts))


def decode_row(data: bytes) -> list[OutboxRecord]:
    """The records of a row, in order. Raises CorruptOutboxRowError."""
    try:
        if data[0] != _VERSION:
            raise CorruptOutboxRowError(f"version {data[0]}")
        (count,) = _U32.unpack_from(data, 1)
        position = 5
        lists: list[Headers] = []
        for _ in range(count):
            headers, position = _read_headers(data, position)
            lists.append(headers)
        records, position = _read_records(data, position, lists)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise CorruptOutboxRowError(type(error).__name__) from None
    if position != len(data):
        raise CorruptOutboxRowError("bytes after the last record")
    return records


def _read_records(
    data: bytes, position: int, lists: Sequence[Headers]
) -> tuple[list[OutboxRecord], int]:
    (count,) = _U32.unpack_from(data, position)
    position += 4
    unpack, head, size = _RECORD.unpack_from, _RECORD.size, len(data)
    records = []
    # Written out field by field: it runs over every record that is published.
    for _ in range(count):
        key_length, value_length, id_length, number = unpack(data, position)
        position += head
        key = value = event_id = None
        if key_length != _NULL:
            key = data[position : position + key_length]
            position += key_length
        if value_length != _NULL:
            value = data[position : position + value_length]
            position += value_length
        if id_length != _NULL:
            event_id = data[position : position + id_length]
            position += id_length
        if position > size:
            raise CorruptOutboxRowError("a field is cut")
        records.append(OutboxRecord(key, value, lists[number], event_id))
    return records, position


def _headers_bytes(headers: Headers) -> bytes:
    parts = [_U32.pack(len(headers))]
    for name, content in headers:
        for field in (name.encode(), content):
            parts += (_U32.pack(len(field)), field)
    return b"".join(parts)


def _read_headers(data: bytes, position: int) -> tuple[Headers, int]:
    (count,) = _U32.unpack_from(data, position)
    position += 4
    headers = []
    for _ in range(count):
        name, position = _read_field(data, position)
        content, position = _read_field(data, position)
        headers.append((name.decode(), content))
    return tuple(headers), position


def _read_field(data: bytes, position: int) -> tuple[bytes, int]:
    (length,) = _U32.unpack_from(data, position)
    start = position + 4
    if start + length > len(data):
        raise CorruptOutboxRowError("a header is cut")
    return data[start : start + length], start + length
