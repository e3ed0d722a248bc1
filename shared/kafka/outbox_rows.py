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
    add, pack = parts.append, _U32.pack
    # The records of a row have nearly all headers in common.
    packed: dict[tuple[str, bytes], bytes] = {}
    for key, value, headers in records:
        for field in (key, value):
            if field is None:
                add(pack(_NULL))
            else:
                add(pack(len(field)))
                add(field)
        add(_U16.pack(len(headers)))
        for header in headers:
            known = packed.get(header)
            if known is None:
                name = header[0].encode()
                known = packed[header] = b"".join(
                    (pack(len(name)), name, pack(len(header[1])), header[1])
                )
            add(known)
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
    # Written out and not by `_read_field`: this is most of what reading a row costs.
    unpack, size = _U32.unpack_from, len(data)
    (count,) = _U16.unpack_from(data, position)
    position += 2
    headers = []
    for _ in range(count):
        (length,) = unpack(data, position)
        position += 4
        name_end = position + length
        (length_of_content,) = unpack(data, name_end)
        start = name_end + 4
        end = start + length_of_content
        # A null's length leads behind the end as well.
        if end > size:
            raise CorruptOutboxRowError("a header is cut")
        headers.append((data[position:name_end].decode(), data[start:end]))
        position = end
    return tuple(headers), position
