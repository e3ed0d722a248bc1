"""Log rows for tests, as logging makes them of events."""

from collections.abc import Sequence

from services.logging.handlers import to_row
from services.logging.ingest.store_rows import insert_rows
from services.logging.partitions.spans import LOGS, usual_span
from services.logging.partitions.store_partitions import ensure
from services.logging.rows.rows import LogRow
from shared.events.requests import RequestCompleted
from shared.postgres.retrying import Connection
from tests.log_model.counted import count_again
from tests.made_events import outgoing, received


def row_of(event: RequestCompleted) -> LogRow:
    """The event's row, by the way of the topic."""
    row = to_row(received(outgoing("relay.requests", event)))
    assert row is not None
    return row


async def write_rows(connection: Connection, rows: Sequence[LogRow]) -> None:
    """Write the rows, into partitions of their days, and what counts them."""
    for span in {usual_span(LOGS, row.created_at, partition_hours=24) for row in rows}:
        await ensure(connection, LOGS, span)
    await insert_rows(connection, rows)
    await count_again(connection)
