"""The flow of the whole system on one screen: every topic, who writes it, who reads it, and what.

Topics are created from this table, the picture in ARCHITECTURE.md and the JSON Schemas are
generated from it, and a test holds each service's readers and writers against it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.events.audit import ActionTaken
from shared.events.budgets import BudgetChanged, BudgetPeriodClosed, BudgetThresholdCrossed
from shared.events.directory import KeyListed, ProjectChanged, UserChanged, WorkspaceChanged
from shared.events.event import Event
from shared.events.health import ChannelHealthChanged, RelayMarked
from shared.events.keys import KeyChanged
from shared.events.ledger import LedgerEntryPosted
from shared.events.limits import LimitChanged
from shared.events.prices import GroupRatioChanged, PriceChanged
from shared.events.requests import RequestCompleted
from shared.events.routing import ChannelChanged, GroupChanged, ModelChanged

_DAY_MS: Final = 24 * 60 * 60 * 1000


class Service(StrEnum):
    """Who speaks on the topics."""

    RELAY = "relay"
    BILLING = "billing"
    LOGGING = "logging"
    CONTROL = "control"


class Kind(StrEnum):
    """How a topic keeps what is written to it."""

    KEPT = "kept"
    """Every record, for `retention_ms`. Read by consumer groups."""
    COMPACTED = "compacted"
    """The newest record of each key, for ever. Read whole at each start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """One topic and its contract."""

    name: str
    kind: Kind
    key: str
    """What the record's key is, in words."""
    events: tuple[type[Event], ...]
    producers: tuple[Service, ...]
    consumers: tuple[Service, ...]
    partitions: int
    is_public: bool = False
    """Internal teams may build on it."""
    retention_ms: int | None = None

    @property
    def dead_letter_topics(self) -> tuple[str, ...]:
        """Where each consumer of a kept topic puts what it cannot read."""
        if self.kind is Kind.COMPACTED:
            return ()
        return tuple(f"{self.name}.{consumer}.dead-letter" for consumer in self.consumers)


RELAY_REQUESTS: Final = TopicSpec(
    name="relay.requests",
    kind=Kind.KEPT,
    key="workspace id",
    events=(RequestCompleted,),
    producers=(Service.RELAY,),
    consumers=(Service.BILLING, Service.LOGGING),
    partitions=8,
    is_public=True,
    retention_ms=90 * _DAY_MS,
)
RELAY_HEALTH: Final = TopicSpec(
    name="relay.health",
    kind=Kind.COMPACTED,
    key="mark:<relay id> or channel:<id>:<relay id>",
    events=(RelayMarked, ChannelHealthChanged),
    producers=(Service.RELAY,),
    consumers=(Service.CONTROL, Service.RELAY, Service.LOGGING),  # and the `reconcile` command
    partitions=1,
)
CONTROL_ROUTING: Final = TopicSpec(
    name="control.routing",
    kind=Kind.COMPACTED,
    key="channel:<id>, model:<name>, group:<name> or limit:<id>",
    events=(ChannelChanged, ModelChanged, GroupChanged, LimitChanged),
    producers=(Service.CONTROL,),
    consumers=(Service.RELAY,),
    partitions=1,
)
CONTROL_KEYS: Final = TopicSpec(
    name="control.keys",
    kind=Kind.COMPACTED,
    key="SHA-256 of the key, in hex",
    events=(KeyChanged,),
    producers=(Service.CONTROL,),
    consumers=(Service.RELAY,),
    partitions=4,
)
CONTROL_DIRECTORY: Final = TopicSpec(
    name="control.directory",
    kind=Kind.COMPACTED,
    key="user:<id>, workspace:<id>, project:<id> or key:<id>",
    events=(UserChanged, WorkspaceChanged, ProjectChanged, KeyListed),
    producers=(Service.CONTROL,),
    consumers=(Service.BILLING, Service.RELAY),
    partitions=1,
)
BILLING_PRICES: Final = TopicSpec(
    name="billing.prices",
    kind=Kind.COMPACTED,
    key="model:<name> or group:<name>",
    events=(PriceChanged, GroupRatioChanged),
    producers=(Service.BILLING,),
    consumers=(Service.RELAY,),
    partitions=1,
)
BILLING_BUDGETS: Final = TopicSpec(
    name="billing.budgets",
    kind=Kind.COMPACTED,
    key="budget:<id>",
    events=(BudgetChanged,),
    producers=(Service.BILLING,),
    consumers=(Service.RELAY,),
    partitions=1,
)
BILLING_LEDGER: Final = TopicSpec(
    name="billing.ledger",
    kind=Kind.KEPT,
    key="workspace id",
    events=(LedgerEntryPosted, BudgetThresholdCrossed, BudgetPeriodClosed),
    producers=(Service.BILLING,),
    consumers=(Service.LOGGING, Service.CONTROL),
    partitions=8,
    is_public=True,
    retention_ms=90 * _DAY_MS,
)
AUDIT_ACTIONS: Final = TopicSpec(
    name="audit.actions",
    kind=Kind.KEPT,
    key="workspace id",
    events=(ActionTaken,),
    producers=(Service.CONTROL, Service.BILLING, Service.LOGGING),
    consumers=(Service.LOGGING,),
    partitions=2,
    retention_ms=90 * _DAY_MS,
)

CATALOG: Final = (
    RELAY_REQUESTS,
    RELAY_HEALTH,
    CONTROL_ROUTING,
    CONTROL_KEYS,
    CONTROL_DIRECTORY,
    BILLING_PRICES,
    BILLING_BUDGETS,
    BILLING_LEDGER,
    AUDIT_ACTIONS,
)
