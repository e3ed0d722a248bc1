"""How a journal's records lie in a segment. Pure: bytes in, bytes out.

A segment is a header (magic and version byte) and records up to a length of zero or the file's
end. A record is `length u32 · crc32 u32 · type u8 · payload`; the checksum covers type and payload.
"""

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

MAGIC: Final = b"LLJ"
VERSION: Final = 1
SEGMENT_HEADER: Final = MAGIC + bytes([VERSION])
HEAD: Final = struct.Struct("<IIB")
HEAD_BYTES: Final = HEAD.size
MAX_PAYLOAD_BYTES: Final = 128 * 1024


class RecordType(IntEnum):
    """What a record says."""

    ADMITTED = 1
    COMPLETED = 2
    LEASES = 3
    """A part of the list of all leases with what each has used; the last part replaces all
    that was said of leases before."""
    LEASE_OPENED = 4
    LEASE_CLOSED = 5


_TYPES: Final = frozenset(RecordType)


class BadRecordError(Exception):
    """A checksum or a length does not fit. `offset` is where the record begins."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"bad record at {offset}")
        self.offset = offset


class UnknownVersionError(Exception):
    """The segment was written by a later version of this program, or is not a segment."""


class JournalRecord(NamedTuple):
    """One record and where the next one begins."""

    type: int
    payload: bytes
    next_offset: int


CHECKSUM_SEEDS: Final = {kind: zlib.crc32(bytes((kind,))) for kind in RecordType}
"""The checksum so far, of the type alone."""


def encode(record_type: RecordType, payload: bytes) -> bytes:
    """One record."""
    checksum = zlib.crc32(payload, CHECKSUM_SEEDS[record_type])
    return HEAD.pack(len(payload), checksum, record_type) + payload


def check_header(data: bytes) -> None:
    """Raises UnknownVersionError."""
    if data[: len(SEGMENT_HEADER)] != SEGMENT_HEADER:
        raise UnknownVersionError


def decode(data: bytes, *, base: int = 0) -> Iterator[JournalRecord]:
    """The whole records of `data`, which begins at `base` in its segment.

    Ends at a length of zero or where a record is not whole. Raises BadRecordError.
    """
    position = 0
    size = len(data)
    while position + HEAD_BYTES <= size:
        length, checksum, record_type = HEAD.unpack_from(data, position)
        if length == 0 and checksum == 0:
            return
        if length > MAX_PAYLOAD_BYTES:
            raise BadRecordError(base + position)
        end = position + HEAD_BYTES + length
        if end > size:
            return
        payload = data[position + HEAD_BYTES : end]
        if zlib.crc32(payload, zlib.crc32(bytes((record_type,)))) != checksum:
            raise BadRecordError(base + position)
        yield JournalRecord(record_type, payload, base + end)
        position = end


def torn_end(data: bytes, offset: int) -> bool:
    """Whether what cannot be read at `offset` is a segment's last record, cut while written.

    Then only zeros follow what it spans, and no whole record begins inside: its length may be
    what was damaged. Anything else is damage in the middle.
    """
    if offset + HEAD_BYTES > len(data):
        return True
    length = HEAD.unpack_from(data, offset)[0]
    if length > MAX_PAYLOAD_BYTES:
        return False
    end = offset + HEAD_BYTES + length
    if data[end:].strip(b"\0"):
        return False
    return not any(_is_whole(data, at) for at in range(offset + 1, min(end, len(data))))


def _is_whole(data: bytes, offset: int) -> bool:
    if offset + HEAD_BYTES > len(data):
        return False
    length, checksum, record_type = HEAD.unpack_from(data, offset)
    end = offset + HEAD_BYTES + length
    if record_type not in _TYPES or not 0 < length <= MAX_PAYLOAD_BYTES or end > len(data):
        return False
    payload = data[offset + HEAD_BYTES : end]
    return bool(zlib.crc32(payload, zlib.crc32(bytes((record_type,)))) == checksum)
