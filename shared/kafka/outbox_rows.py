"""Many records in one outbox row: a version byte, then each field with its length before it.

A batch of 2,000 events writes its ledger events as one row; 2,000 rows would cost more than the
charges do.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from shared.kafka.records import Headers

_VERSION: Final = 1
_NULL: Final = 0xFFFFFFFF
_U32: Final = struct.Struct(">I")
_U16: Final = struct.Struct(">H")


class OutboxRecord(NamedTuple):
    """One record of a row; the topic is the row's."""

    key: bytes | None
    value: bytes | None
    headers: Headers


class CorruptOutboxRowError(Exception):
    """The bytes are not a row of this format."""


def encode_row(records: Sequence[OutboxRecord]) -> bytes:
    """The bytes of a row."""
    parts = [bytes((_VERSION,)), _U32.pack(len(records))]
    for key, value, headers in records:
        _append_field(parts, key)
        _append_field(parts, value)
        parts.append(_U16.pack(len(headers)))
        for name, content in headers:
            _append_field(parts, name.encode())
            _append_field(parts, content)
    return b"".join(parts)


def decode_row(data: bytes) -> list[OutboxRecord]:
    """The records of a row, in order. Raises CorruptOutboxRowError."""
    try:
        if data[0] != _VERSION:
            raise CorruptOutboxRowError(f"version {data[0]}")
        (count,) = _U32.unpack_from(data, 1)
        position = 5
        records = []
        for _ in range(count):
            key, position = _read_field(data, position)
            value, position = _read_field(data, position)
            headers, position = _read_headers(data, position)
            records.append(OutboxRecord(key, value, headers))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise CorruptOutboxRowError(type(error).__name__) from None
    if position != len(data):
        raise CorruptOutboxRowError("bytes after the last record")
    return records


def _append_field(parts: list[bytes], field: bytes | None) -> None:
    if field is None:
        parts.append(_U32.pack(_NULL))
    else:
        parts.append(_U32.pack(len(field)))
        parts.append(field)


def _read_field(data: bytes, position: int) -> tuple[bytes | None, int]:
    (length,) = _U32.unpack_from(data, position)
    position += 4
    if length == _NULL:
        return None, position
    end = position + length
    if end > len(data):
        raise CorruptOutboxRowError("a field is cut")
    return data[position:end], end


def _read_headers(data: bytes, position: int) -> tuple[Headers, int]:
    (count,) = _U16.unpack_from(data, position)
    position += 2
    headers = []
    for _ in range(count):
        name, position = _read_field(data, position)
        content, position = _read_field(data, position)
        if name is None or content is None:
            raise CorruptOutboxRowError("a header is null")
        headers.append((name.decode(), content))
    return tuple(headers), position
