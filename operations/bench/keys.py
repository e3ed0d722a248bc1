"""What a relay needs for very many keys: how soon they are read, and in how much memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Final

from deploy.local.stack import Stack
from operations.bench.figures import cpu_s, peak_rss_mib, rss_mib
from operations.bench.made_keys import made_key_records
from operations.bench.table import row, verdict
from shared.kafka.producer import IdempotentProducer

_BATCH: Final = 2_000
_CHANGED_SHARE: Final = 10
_READY_S: Final = 120.0
_RELAY: Final = "relay-0"
_MIB: Final = 1024 * 1024
_MOST_EMPTY_MIB: Final = 120
_MOST_BYTES_PER_KEY: Final = 512
_MOST_LOAD_S_PER_MILLION: Final = 10


@dataclass(frozen=True, kw_only=True)
class KeysHeld:
    """One relay's figures, beside those of a relay without keys."""

    keys: int
    records: int
    """On the topic: what changed since it was last compacted is there more than once."""
    start_s: float
    """From the start of the process until it is ready, without keys."""
    load_s: float
    """By how much longer it takes with them."""
    load_cpu_s: float
    """CPU of the relay's process; Kafka's is not in it."""
    empty_rss_mib: float
    rss_mib: float
    peak_rss_mib: float
    """The most that was resident at any moment of the load."""

    @property
    def keys_per_s(self) -> float:
        """Keys read in a second of the load."""
        return self.keys / self.load_s

    @property
    def bytes_per_key(self) -> float:
        """By how much a relay grows, a key; what was read ahead from Kafka is in it."""
        return (self.rss_mib - self.empty_rss_mib) * _MIB / self.keys

    @property
    def most_mib(self) -> float:
        """What the relay may have at any moment."""
        return _MOST_EMPTY_MIB + _MOST_BYTES_PER_KEY * self.keys / _MIB


@dataclass(frozen=True, kw_only=True)
class _Started:
    ready_s: float
    cpu_s: float
    rss_mib: float
    peak_rss_mib: float


async def measure_keys(stack: Stack, *, keys: int) -> KeysHeld:
    """On a stack with only its infrastructure up. A tenth of the keys are told a second time."""
    changed = keys // _CHANGED_SHARE
    empty = await _start(stack)
    await fill_keys(stack, keys)
    await fill_keys(stack, changed)
    full = await _start(stack)
    return KeysHeld(
        keys=keys,
        records=keys + changed,
        start_s=empty.ready_s,
        load_s=full.ready_s - empty.ready_s,
        load_cpu_s=full.cpu_s - empty.cpu_s,
        empty_rss_mib=empty.rss_mib,
        rss_mib=full.rss_mib,
        peak_rss_mib=full.peak_rss_mib,
    )


def keys_lines(found: KeysHeld) -> Iterator[str]:
    """The figures beside what they are to be."""
    most_s = _MOST_LOAD_S_PER_MILLION * found.keys / 1_000_000
    yield f"{found.records:,} records are on the topic: some keys were changed since"
    yield row("", "", "at most")
    yield row(
        *("ready, later than without keys (s)", found.load_s, most_s),
        verdict(met=found.load_s <= most_s),
    )
    yield row("  its CPU (s)", found.load_cpu_s)
    yield row("  keys/s", found.keys_per_s)
    yield row(
        *("memory, the most while reading (MiB)", found.peak_rss_mib, found.most_mib),
        verdict(met=found.peak_rss_mib <= found.most_mib),
    )
    yield row("  when ready", found.rss_mib)
    yield row("  without keys", found.empty_rss_mib)
    yield row("  bytes per key", found.bytes_per_key)


async def fill_keys(stack: Stack, count: int) -> None:
    """Send the states of so many keys to the topic. Raises SendError."""
    records = made_key_records(count)
    async with IdempotentProducer(bootstrap=stack.kafka_bootstrap, client_id="bench") as producer:
        while batch := list(islice(records, _BATCH)):
            await producer.send_all(batch)


async def _start(stack: Stack) -> _Started:
    relay = stack.process(_RELAY)
    begun = monotonic()
    await relay.start()
    try:
        await relay.wait_ready(_READY_S)
        ready_s = monotonic() - begun
        return _Started(
            ready_s=ready_s,
            cpu_s=cpu_s(relay.pid),
            rss_mib=rss_mib(relay.pid),
            peak_rss_mib=peak_rss_mib(relay.pid),
        )
    finally:
        await relay.stop()
