"""What the journal's payloads hold."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson

_COMPLETED: Final = struct.Struct("<16sQQBB")
ID_BYTES: Final = 16
_LEASE_USE: Final = struct.Struct("<BQ")
_LEASES_IN_PART: Final = 500


class CompletedRecord(NamedTuple):
    """A completed request, ready to be published: its Kafka record in parts."""

    request_id: bytes
    """UUIDv7, 16 bytes."""
    completed_at_us: int
    """Unix time in microseconds: the event's `completed_at`."""
    workspace_id: int
    traceparent: str
    lease_uses: tuple[tuple[str, int], ...]
    """Lease id and the quota that counts against it."""
    value: bytes
    """The event's JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasesPart:
    """A part of the list of all leases. Only a list that came whole counts."""

    is_first: bool
    is_last: bool
    leases: "dict[str, LeaseTotal]"


@dataclass(slots=True)
class LeaseTotal:
    """What a lease is for, and what has been used under it."""

    subject: str
    used_total: int


def encode_completed(record: CompletedRecord) -> bytes:
    """The payload of a COMPLETED record."""
    request_id, at_us, workspace_id, traceparent, uses, value = record
    trace = traceparent.encode()
    parts = [_COMPLETED.pack(request_id, at_us, workspace_id, len(trace), len(uses)), trace]
    for lease_id, quota in uses:
        raw = lease_id.encode()
        parts += (_LEASE_USE.pack(len(raw), quota), raw)
    parts.append(value)
    return b"".join(parts)


def decode_completed(payload: bytes) -> CompletedRecord:
    """The inverse of `encode_completed`."""
    request_id, completed_at_us, workspace_id, trace_bytes, uses = _COMPLETED.unpack_from(payload)
    position = _COMPLETED.size
    trace = payload[position : position + trace_bytes].decode()
    position += trace_bytes
    lease_uses = []
    for _ in range(uses):
        id_bytes, quota = _LEASE_USE.unpack_from(payload, position)
        position += _LEASE_USE.size
        lease_uses.append((payload[position : position + id_bytes].decode(), quota))
        position += id_bytes
    return CompletedRecord(
        request_id, completed_at_us, workspace_id, trace, tuple(lease_uses), payload[position:]
    )


def decode_admitted(payload: bytes) -> tuple[bytes, bytes]:
    """The request's id and its skeleton."""
    return payload[:ID_BYTES], payload[ID_BYTES:]


def encode_leases(leases: Mapping[str, LeaseTotal]) -> list[bytes]:
    """The payloads of the LEASES records that tell all leases; at least one."""
    rows = [[i, lease.subject, lease.used_total] for i, lease in leases.items()]
    step = _LEASES_IN_PART
    parts = [rows[at : at + step] for at in range(0, len(rows), step)] or [[]]
    last = len(parts) - 1
    return [
        orjson.dumps({"first": i == 0, "last": i == last, "leases": part})
        for i, part in enumerate(parts)
    ]


def decode_leases(payload: bytes) -> LeasesPart:
    """One part of the list."""
    part = orjson.loads(payload)
    return LeasesPart(
        is_first=part["first"],
        is_last=part["last"],
        leases={i: LeaseTotal(subject, used) for i, subject, used in part["leases"]},
    )


def encode_lease_opened(lease_id: str, subject: str) -> bytes:
    """The payload of a LEASE_OPENED record."""
    return orjson.dumps([lease_id, subject])


def decode_lease_opened(payload: bytes) -> tuple[str, str]:
    """The lease's id and subject."""
    lease_id, subject = orjson.loads(payload)
    return lease_id, subject
