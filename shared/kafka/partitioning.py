"""Key to partition, as every Kafka client reckons it (murmur2), remembered for keys seen lately."""

from typing import Final

from aiokafka.partitioner import murmur2

_MAX_REMEMBERED: Final = 100_000


class Partitioner:
    """The default partitioner for one topic. Records without a key go round in turn."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self._remembered: dict[bytes, int] = {}
        self._next = 0

    def partition(self, key: bytes | None) -> int:
        """The partition of a key."""
        if key is None:
            self._next = (self._next + 1) % self.partitions
            return self._next
        known = self._remembered.get(key)
        if known is None:
            # In pure Python the hash costs more than all else that is done for a record.
            known = (murmur2(key) & 0x7FFFFFFF) % self.partitions
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = known
        return known
