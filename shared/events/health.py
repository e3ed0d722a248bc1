"""`relay.health`: how far each relay's journal is on the topic, and how channels do."""

from shared.events.event import Event
from shared.events.numbers import Count, Time
from shared.events.text import Code


class RelayMarked(Event):
    """A relay's journal mark. Its state, not a change: the newest one holds."""

    TYPE = "ledgerline.relay.marked.v1"

    relay_id: Code
    """One for each start of each relay process."""
    published_until: Time
    """Every event of this relay with `completed_at` before this is on the topic."""
    published_count: Count
    """Events of this relay that the broker acknowledged since its start."""
    closed: bool = False
    """The relay has ended and nothing of it is left to publish."""
    marked_at: Time
