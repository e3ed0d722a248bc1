"""The whole comparison, in the order that makes it right on a system that is running.

1. the relays' marks           what they count is on the topic before anything below is read
2. the ends of the topic       from here on "all" means all up to these
3. wait for the consumers      until both are at the ends, or for `settle_s`
4. the topic up to the ends    every request
5. one snapshot of the tables  whatever it has not of (4) is missing
6. the topic behind the ends   what the tables have beyond (4) must be here, or is not published
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from operations.reconcile.budgets_check import budgets_check
from operations.reconcile.chains_check import chains_check
from operations.reconcile.gaps import Findings, check
from operations.reconcile.grants_check import grants_check
from operations.reconcile.letters_check import letters_check
from operations.reconcile.observed import Observed
from operations.reconcile.positions import behind, beyond, unpublished
from operations.reconcile.requests_check import compare, request_checks, token_check
from operations.reconcile.settlements_check import settlements_check
from operations.reconcile.sums_check import sum_checks
from operations.reconcile.tables import Tables, watermarks
from operations.reconcile.topics import (
    first_times,
    held_requests,
    read_dead_letters,
    read_ids,
    read_marks,
    read_requests,
)
from operations.reconcile.usage.checking import usage_check
from shared.events.catalog import RELAY_REQUESTS
from shared.events.health import RelayMarked
from shared.kafka.records import Partition
from shared.kafka.spans import Span, SpanReader
from shared.service.clock import utc_now

_LOOK_S = 0.1
_SILENT = timedelta(seconds=60)
NO_TIMEOUTS = """
SET LOCAL statement_timeout = '30min';
SET LOCAL idle_in_transaction_session_timeout = '30min';
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the operator asked for."""

    since: datetime | None = None
    """Leave older requests out, and usage of older hours; other sums are over everything."""
    settle_s: float = 10.0
    all_chains: bool = False
    """Follow every chain whole; else the newest entries of some accounts."""


async def reconcile(*, reader: SpanReader, connection: asyncpg.Connection, wish: Wish) -> Findings:
    """Compare all parties. Changes nothing. Raises what the broker and the database raise."""
    marks = await read_marks(reader)
    spans = await held_requests(reader)
    await settle(connection, spans, wish.settle_s)
    cut = {partition: span for partition, span in spans.items() if span.begin > 0}
    whole_since = await held_since(reader, cut)
    observed = Observed(since=wish.since)
    unreadable = await read_requests(reader, spans, observed)
    letters = await read_dead_letters(reader)

    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(NO_TIMEOUTS)
        tables = Tables(connection)
        compared = await compare(tables, observed, held_since=whole_since)
        sums = await sum_checks(tables)
        for each in (settlements_check, grants_check, budgets_check):
            sums.append(await each(connection))
        usage, usage_notes = await usage_check(connection, reader, since=wish.since)
        chains, chain_notes = await chains_check(connection, takes_all=wish.all_chains)
        tokens = await tables.tokens_by_hour()
        dead_letters = await letters_check(letters, tables, observed)
        stand = await watermarks(connection, RELAY_REQUESTS.name)

    later = await held_requests(reader)
    behind_ends = {p: Span(spans[p].end, span.end) for p, span in later.items() if p in spans}
    published_since = await read_ids(reader, behind_ends)
    compared.extras.without(published_since)

    findings = Findings()
    findings.checks += request_checks(observed, compared, unreadable)
    findings.checks += [*sums, usage, chains]
    findings.notes += [*chain_notes, *usage_notes]
    findings.notes += compared.horizons.notes("not missed")
    is_whole = not cut and wish.since is None
    if is_whole and not published_since:
        findings.checks.append(token_check(tokens, observed))
    else:
        findings.notes.append("tokens of quota_data not compared: only on a whole span, at rest")
    if is_whole:
        lost = unpublished(marks, observed.published)
        findings.checks.append(check("the relays' published counts", len(marks), lost))
    else:
        findings.notes.append("the relays' published counts not compared: the span is not whole")
    misplaced = [*behind(spans, stand), *beyond(later, stand)]
    findings.checks.append(check("consumers are at the topic's end", len(stand), misplaced))
    findings.checks.append(dead_letters)
    findings.notes += _silent_relays(marks, utc_now())
    return findings


async def held_since(reader: SpanReader, cut: Mapping[Partition, Span]) -> datetime | None:
    """From when on the topic has everything, where its retention has cut partitions."""
    if not cut:
        return None
    first = await first_times(reader, cut)
    return max(first.get(partition, utc_now()) for partition in cut)


async def settle(
    connection: asyncpg.Connection, spans: Mapping[Partition, Span], settle_s: float
) -> None:
    """Wait until the consumers are at the ends; who is not in time is told by the positions."""
    deadline = asyncio.get_running_loop().time() + settle_s
    while any(behind(spans, await watermarks(connection, RELAY_REQUESTS.name))):
        if asyncio.get_running_loop().time() >= deadline:
            return
        await asyncio.sleep(_LOOK_S)


def _silent_relays(marks: Mapping[str, RelayMarked], now: datetime) -> list[str]:
    return [
        f"relay {relay_id} has not closed and last marked at {mark.marked_at.isoformat()}:"
        " its journal may hold events that are not published"
        for relay_id, mark in sorted(marks.items())
        if not mark.closed and now - mark.marked_at > _SILENT
    ]
