"""What control reads from Kafka: nothing. What it writes: the state of all that it owns."""

from typing import Final

from shared.events.catalog import (
    AUDIT_ACTIONS,
    CONTROL_DIRECTORY,
    CONTROL_KEYS,
    CONTROL_ROUTING,
    TopicSpec,
)

CONSUMES: Final[tuple[TopicSpec, ...]] = ()
PRODUCES: Final = (CONTROL_ROUTING, CONTROL_KEYS, CONTROL_DIRECTORY, AUDIT_ACTIONS)
