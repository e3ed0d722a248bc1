"""The second look: hours that differ, request by request. For everything else sums were enough."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from operations.reconcile.gaps import Gap
from operations.reconcile.horizons import Horizons
from operations.reconcile.hourly.requests import UnreadableError, read
from operations.reconcile.hourly.sums import Bucket
from operations.reconcile.hourly.tables import HourlyTables
from operations.reconcile.hourly.topic import LEDGER, LOGS, Stretch
from operations.reconcile.observed import Observed, ObservedRequest
from shared.kafka.spans import SpanReader

MAX_REQUESTS: Final = 1_000_000
"""So many are looked at one by one: 200 MB. What is left names itself, to be asked for alone."""


@dataclass(slots=True)
class Closer:
    """What was found of the hours that differ, by party."""

    observed: Mapping[str, Mapping[Bucket, Observed]]
    _gaps: dict[tuple[Bucket, str], list[Gap]] = field(default_factory=dict)

    def distinct(self, bucket: Bucket, party: str) -> tuple[int, int] | None:
        """Requests without repeats, and their units; None where nobody looked."""
        observed = self.observed[party].get(bucket)
        return None if observed is None else (len(observed), observed.units)

    def add(self, bucket: Bucket, party: str, gap: Gap | None) -> None:
        """One more gap, where there is one."""
        if gap is not None:
            self._gaps.setdefault((bucket, party), []).append(gap)

    def gaps(self, bucket: Bucket, party: str) -> Sequence[Gap]:
        """Those of a party in an hour."""
        return self._gaps.get((bucket, party), ())

    def all_gaps(self, bucket: Bucket) -> list[Gap]:
        """Those of an hour, by request. Both parties see a request that has two ends."""
        found = {gap for party in self.observed for gap in self.gaps(bucket, party)}
        return sorted(found, key=lambda gap: (gap.subject, gap.what))


def within_reach(
    differing: Mapping[Bucket, int], most: int = MAX_REQUESTS
) -> tuple[list[Bucket], set[Bucket]]:
    """The buckets whose requests fit, the newest first, and those that are left."""
    near: list[Bucket] = []
    far: set[Bucket] = set()
    for bucket in sorted(differing, reverse=True):
        if differing[bucket] <= most:
            near.append(bucket)
            most -= differing[bucket]
        else:
            far.add(bucket)
    return near, far


async def look_closer(
    reader: SpanReader,
    stretch: Stretch,
    tables: HourlyTables,
    differing: Mapping[str, Sequence[Bucket]],
    *,
    horizons: Horizons,
) -> Closer:
    """Name the requests of these hours that a party does not have, or has otherwise."""
    closer = Closer(
        {party: {bucket: Observed() for bucket in found} for party, found in differing.items()}
    )
    if not any(differing.values()):
        return closer
    await _read_topic(reader, stretch, closer)
    await _read_ledger(tables, closer)
    await _read_logs(tables, closer)
    for party, buckets in closer.observed.items():
        for bucket, observed in buckets.items():
            for gap in observed.contradictions:
                closer.add(bucket, party, gap)
            for gap in _missing(observed, party, horizons):
                closer.add(bucket, party, gap)
    return closer


async def _read_topic(reader: SpanReader, stretch: Stretch, closer: Closer) -> None:
    async for record in reader.records(stretch.spans):
        try:
            request = read(record)
        except UnreadableError:
            continue  # named when the sums were read
        if request is None:
            continue
        for party, buckets in closer.observed.items():
            observed = buckets.get(request.bucket)
            is_its_own = party == LOGS or request.has_entry
            if observed is not None and is_its_own and stretch.has_applied(party, record):
                whole = ObservedRequest.model_validate_json(record.value or b"")
                observed.add(whole, relay_id="")


async def _read_ledger(tables: HourlyTables, closer: Closer) -> None:
    observed = closer.observed[LEDGER]
    async for bucket, charge in tables.charges_of(observed):
        gap: Gap | None
        try:
            gap = observed[bucket].ledger_entry(charge.request_id, charge.charged_units)
        except LookupError:
            what = f"was charged {charge.charged_units}, and is not on the topic"
            gap = Gap(charge.request_id, what)
        closer.add(bucket, LEDGER, gap)


async def _read_logs(tables: HourlyTables, closer: Closer) -> None:
    observed = closer.observed[LOGS]
    async for bucket, row in tables.log_rows_of(observed):
        gap: Gap | None
        try:
            gap = observed[bucket].log_row(row.event_id, row.quota, row.type)
        except LookupError:
            gap = Gap(row.request_id, "has a log row, and is not on the topic")
        closer.add(bucket, LOGS, gap)


def _missing(observed: Observed, party: str, horizons: Horizons) -> Iterator[Gap]:
    if party == LEDGER:
        return observed.not_in_ledger()
    return observed.not_in_logs(horizons)
