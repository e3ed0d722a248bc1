"""Which of a service's tables the public is told of, which not and why, and which hold secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import BaseModel

PLUMBING: Final[Mapping[str, str]] = {
    "schema_migrations": "Which changes of the tables were applied; nothing of anybody's.",
    "event_outbox": "Events on their way to Kafka, deleted once they are there.",
    "state_outbox": "Which keys of the state topics are to be published again; no values.",
    "consumer_watermarks": "Up to where the topics have been read.",
    "consumer_accepted_gaps": "Operators' decisions to read on behind a gap in a topic.",
}
"""What keeps the services running: relation to why it is of no interest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One service's. A test holds that each of its relations is in `tables` or in `withheld`."""

    service: str
    tables: Mapping[str, str]
    """Public name to relation. All columns are told, so that a new one cannot be forgotten."""
    withheld: Mapping[str, str]
    """Relation to the reason."""
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Public name to columns that hold a secret, and how each is kept."""


class ServiceSchema(BaseModel):
    """What `GET /internal/schema` answers."""

    tables: dict[str, dict[str, str]]
    """Public name to columns and their types, in the table's own order."""
    secrets: dict[str, dict[str, str]]
    withheld: dict[str, str]
    migrated_at: datetime
    """When the newest change of the tables was applied."""


def plumbing(*relations: str) -> Mapping[str, str]:
    """Those of PLUMBING that a service has. `schema_migrations` is in every one."""
    return {name: PLUMBING[name] for name in ("schema_migrations", *relations)}
