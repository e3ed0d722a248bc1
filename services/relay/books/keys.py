"""API keys by the hash of their secret, from `control.keys`.

Most keys rest. A state is packed as it came, and read when its key is used: a million of them
take 0.2 GB, where parsed ones would take 1.6.
"""

from collections import OrderedDict
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import ValidationError

from services.relay.books.packing import KeyPacking
from shared.events.keys import KeyChanged
from shared.telemetry.logs import get_logger

_PARSED_AT_ONCE: Final = 20_000
_HASH_BYTES: Final = 32

_logger = get_logger()


class KeyBook:
    """All keys. A lookup is a dictionary access, and a parse for a key not used lately."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """`registry` is where the number of keys and of unreadable ones is shown."""
        self._packing = KeyPacking()
        self._packed: dict[bytes, bytes] = {}
        self._parsed: OrderedDict[bytes, KeyChanged] = OrderedDict()
        self.generation = 0
        """Goes up with every change: what was derived from a key holds for one generation."""
        self._unreadable = Counter(
            "ledgerline_relay_unreadable_keys_total",
            "States of API keys that could not be read when their key was used",
            registry=registry,
        )
        Gauge(
            "ledgerline_relay_keys", "API keys that this process knows", registry=registry
        ).set_function(lambda: len(self._packed))

    def __len__(self) -> int:
        return len(self._packed)

    def put(self, key_hash: bytes, raw: bytes | None) -> None:
        """Take a state of `control.keys`, unread; null is a tombstone."""
        self._parsed.pop(key_hash, None)
        if raw is None:
            self._packed.pop(key_hash, None)
        else:
            self._packed[key_hash] = self._packing.pack(raw)
        self.generation += 1

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """`put` for a record of the topic. One whose key is no hash is left out, and logged."""
        try:
            key_hash = bytes.fromhex((key or b"").decode("ascii"))
        except ValueError:
            key_hash = b""
        if len(key_hash) == _HASH_BYTES:
            self.put(key_hash, value)
        else:
            _logger.error("key.malformed", why="the record's key is not a hash")

    def find(self, key_hash: bytes) -> KeyChanged | None:
        """The key with this SHA-256, deleted ones included; null: there is none.

        The same object until the key changes, while it is among the 20,000 that were used last.
        A state that cannot be read is logged, counted and forgotten, until the key changes.
        """
        key = self._parsed.get(key_hash)
        if key is not None:
            self._parsed.move_to_end(key_hash)
            return key
        packed = self._packed.get(key_hash)
        if packed is None:
            return None
        try:
            key = KeyChanged.model_validate_json(self._packing.unpack(packed))
        except ValidationError as error:
            del self._packed[key_hash]
            self._unreadable.inc()
            fields = sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]})
            _logger.error("key.malformed", why="its state cannot be read", fields=fields)
            return None
        self._parsed[key_hash] = key
        if len(self._parsed) > _PARSED_AT_ONCE:
            self._parsed.popitem(last=False)
        return key
