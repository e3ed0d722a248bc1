"""Each logging notes that an operator closed a relay's mark, and says it of no other mark."""

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from operations.lost_relay import SOURCE
from services.logging.usage.watching_marks import RelayMarks
from shared.events.health import RelayMarked
from tests.made_events import outgoing, received

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
MARK = RelayMarked(
    relay_id="relay-1", published_until=NOW, published_count=3, closed=True, marked_at=NOW
)


@pytest.mark.parametrize(
    ("source", "noted"), [(SOURCE, ["relay-1"]), ("ledgerline/relay/relay-1", [])]
)
def test_only_what_an_operator_closed_is_noted(source: str, noted: list[str]) -> None:
    sent = outgoing("relay.health", MARK, source=source, key=b"mark:relay-1")
    with capture_logs() as logs:
        RelayMarks().apply(received(sent))
    told = [line for line in logs if line["event"] == "freshness.relay_given_up"]
    assert [line["relay_id"] for line in told] == noted
