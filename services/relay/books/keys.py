"""API keys by the hash of their secret, from `control.keys`.

A key is kept as the bytes that came and parsed when it is used: most keys rest.
"""

from collections import OrderedDict
from typing import Final

from shared.events.keys import KeyChanged

_PARSED_AT_ONCE: Final = 20_000


class KeyBook:
    """All keys. A lookup is a dictionary access, and a parse for a key not used lately."""

    def __init__(self) -> None:
        self._raw: dict[bytes, bytes] = {}
        self._parsed: OrderedDict[bytes, KeyChanged] = OrderedDict()
        self.generation = 0
        """Goes up with every change: what was derived from a key holds for one generation."""

    def __len__(self) -> int:
        return len(self._raw)

    def put(self, key_hash: bytes, raw: bytes | None) -> None:
        """Take a state of `control.keys`; null is a tombstone."""
        self._parsed.pop(key_hash, None)
        if raw is None:
            self._raw.pop(key_hash, None)
        else:
            self._raw[key_hash] = raw
        self.generation += 1

    def find(self, key_hash: bytes) -> KeyChanged | None:
        """The key with this SHA-256, deleted ones included; null: there is none."""
        key = self._parsed.get(key_hash)
        if key is not None:
            return key
        raw = self._raw.get(key_hash)
        if raw is None:
            return None
        key = self._parsed[key_hash] = KeyChanged.model_validate_json(raw)
        if len(self._parsed) > _PARSED_AT_ONCE:
            self._parsed.popitem(last=False)
        return key
