"""API keys' states in a fraction of their room, for the many that rest.

Most states end in the same few ways: of such a one the end is left out, which takes half a
microsecond. Any other is deflated against samples, so that what it shares with them costs nothing;
that takes four, and one to read again.
"""

import zlib
from datetime import UTC, datetime
from itertools import product
from typing import Final

from shared.events.event import encode_value
from shared.events.keys import KeyChanged
from shared.events.limits import RequestLimits
from shared.events.routing import Status

_END: Final = b',"status":'
"""No string of a JSON text has this inside: its quotes are escaped."""
_DEFLATED: Final = b"\0"
_LEVEL: Final = 1
# A window that holds the samples, and small tables: each packing begins with a copy of them.
_WINDOW_BITS: Final = -11
_MEMORY_LEVEL: Final = 4


class KeyPacking:
    """Packs and unpacks any bytes; states of keys become small. Of one process alone."""

    def __init__(self) -> None:
        plain = [
            encode_value(_plain(status, is_unlimited=is_unlimited))
            for status, is_unlimited in product((Status.ENABLED, Status.DISABLED), (True, False))
        ]
        self._ends = [b"", *(each[each.index(_END) :] for each in plain)]
        self._numbers = {end: bytes([n]) for n, end in enumerate(self._ends) if end}
        # What is likelier stands later: it is nearer to what refers to it.
        samples = encode_value(_limited()) + plain[0]
        self._packer = zlib.compressobj(
            _LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, samples
        )
        self._unpacker = zlib.decompressobj(_WINDOW_BITS, samples)

    def pack(self, raw: bytes) -> bytes:
        """The same in fewer bytes."""
        at = raw.find(_END)
        number = self._numbers.get(raw[at:])
        if number is not None:
            return number + raw[:at]
        packer = self._packer.copy()
        return _DEFLATED + packer.compress(raw) + packer.flush()

    def unpack(self, packed: bytes) -> bytes:
        """What `pack` was given."""
        end = self._ends[packed[0]]
        if end:
            return packed[1:] + end
        return self._unpacker.copy().decompress(packed[1:])


def _plain(status: Status, *, is_unlimited: bool) -> KeyChanged:
    return KeyChanged(
        key_id=1,
        name="key",
        workspace_id=1,
        user_id=1,
        status=status,
        unlimited_quota=is_unlimited,
    )


def _limited() -> KeyChanged:
    return KeyChanged(
        key_id=1,
        name="production",
        workspace_id=1,
        project_id=1,
        user_id=1,
        status=Status.DISABLED,
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        group="default",
        allow_addresses=("192.0.2.0/24",),
        model_limits=("gpt-4o", "gpt-4o-mini"),
        unlimited_quota=False,
        cross_group_retry=True,
        limits=RequestLimits(
            requests_per_minute=1000, tokens_per_minute=100_000, concurrent_requests=100
        ),
        is_deleted=True,
    )
