"""Days of requests in the order in which they come, some of them late. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from operations.seed_logs.hours import HOUR_S, moments, requests_by_hour
from operations.seed_logs.others import others_after
from operations.seed_logs.population import population
from operations.seed_logs.requests import Requests
from shared.events.catalog import CATALOG
from shared.kafka.records import OutgoingRecord, Record

_LATE: Final = 0.01
_LATEST_MS: Final = 3 * 24 * HOUR_S * 1000
_DAY_S: Final = 24 * HOUR_S
_PARTITIONS: Final = {topic.name: topic.partitions for topic in CATALOG}


@dataclass(frozen=True, kw_only=True)
class History:
    """So many requests over so many days that end at `until`."""

    rows: int
    days: int
    until: int
    """Unix seconds."""
    seed: int = 1
    users: int = 20_000

    @property
    def begins_at(self) -> int:
        """The first second (Unix) in which anything happens."""
        return self.until // HOUR_S * HOUR_S - self.days * _DAY_S

    def records(self) -> Iterator[OutgoingRecord]:
        """All of them, and a few others beside them, as a topic has them."""
        random = Random(self.seed)  # noqa: S311 - made-up traffic is no secret
        requests = Requests(population(users=self.users), random)
        earliest_ms = self.begins_at * 1000
        number = 0
        hours = requests_by_hour(self.rows, begins_at=self.begins_at, hours=self.days * 24)
        for hour, count in hours:
            ends = (
                max(earliest_ms, at_ms - random.randrange(_LATEST_MS))
                if random.random() < _LATE
                else at_ms
                for at_ms in moments(random, hour, count)
            )
            for request in requests.ended(ends):
                yield request
                yield from others_after(number, request)
                number += 1


def received(sent: OutgoingRecord, offset: int) -> Record:
    """The record as a consumer gets it; a key is always in the same partition."""
    partition = int(sent.key or b"0") % _PARTITIONS[sent.topic]
    return Record(sent.topic, partition, offset, 0, sent.key, sent.value, dict(sent.headers))
