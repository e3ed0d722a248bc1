"""Log rows for tests, as logging makes them of events."""

from services.logging.handlers import to_row
from services.logging.rows.rows import LogRow
from shared.events.requests import RequestCompleted
from tests.made_events import outgoing, received


def row_of(event: RequestCompleted) -> LogRow:
    """The event's row, by the way of the topic."""
    row = to_row(received(outgoing("relay.requests", event)))
    assert row is not None
    return row
