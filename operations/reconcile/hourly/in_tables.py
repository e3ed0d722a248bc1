"""What the tables say, and where that is not what the topic says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from operations.reconcile.gaps import Gap
from operations.reconcile.horizons import Horizons
from operations.reconcile.hourly.sums import Bucket, Sums
from operations.reconcile.hourly.tables import HourlyTables, HourOfData, OtherEntries
from operations.reconcile.hourly.topic import LEDGER, LOGS, OnTopic


@dataclass(frozen=True, slots=True)
class InTables:
    """All of it, by hour and workspace."""

    charges: Mapping[Bucket, Sums]
    log_rows: Mapping[Bucket, Sums]
    hours: Mapping[Bucket, HourOfData]
    differing_hours: Mapping[Bucket, list[Gap]]
    others: Mapping[Bucket, list[OtherEntries]]
    horizons: Horizons
    """Hours that began earlier may lack log rows, and are not compared."""

    @property
    def buckets(self) -> set[Bucket]:
        """Every hour of which any table says something."""
        return {
            *self.charges,
            *self.log_rows,
            *self.hours,
            *self.differing_hours,
            *self.others,
        }

    def differing(self, on_topic: Mapping[Bucket, OnTopic], party: str) -> dict[Bucket, int]:
        """Where the party has not what it should, and how many requests are to be looked at."""
        table = self.charges if party == LEDGER else self.log_rows
        found = {}
        for bucket in on_topic.keys() | table.keys():
            if party == LOGS and bucket.hour < self.horizons.of(bucket.workspace_id):
                continue
            there = table.get(bucket, Sums())
            wanted = on_topic.get(bucket, OnTopic()).of(party)
            if wanted != there:
                found[bucket] = max(wanted.count, there.count)
        return found


async def read_tables(tables: HourlyTables, horizons: Horizons) -> InTables:
    """Ask for everything, in the caller's snapshot."""
    differing_hours: dict[Bucket, list[Gap]] = {}
    async for bucket, gap in tables.differing_hours():
        differing_hours.setdefault(bucket, []).append(gap)
    return InTables(
        charges=await tables.charges(),
        log_rows=await tables.log_rows(),
        hours=await tables.hours(),
        differing_hours=differing_hours,
        others=await tables.other_entries(),
        horizons=horizons,
    )
