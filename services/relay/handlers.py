"""What the relay reads from Kafka, and where each event goes.

It writes requests, its mark, and how it finds the channels.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.relay.books.budgets import BudgetBook
from services.relay.books.directory import DirectoryBook
from services.relay.books.keys import KeyBook
from services.relay.books.prices import PriceBook
from services.relay.books.routing import RoutingBook
from services.relay.health.keeper import ChannelHealth
from services.relay.limits.book import LimitBook
from shared.events.budgets import BudgetChanged
from shared.events.catalog import (
    BILLING_BUDGETS,
    BILLING_PRICES,
    CONTROL_DIRECTORY,
    CONTROL_KEYS,
    CONTROL_ROUTING,
    RELAY_HEALTH,
    RELAY_REQUESTS,
)
from shared.events.directory import ProjectChanged, UserChanged, WorkspaceChanged
from shared.events.event import Decoder, Event, MalformedEventError, UnknownEventError
from shared.events.health import ChannelHealthChanged
from shared.events.limits import LimitChanged
from shared.events.prices import GroupRatioChanged, PriceChanged
from shared.events.routing import ChannelChanged, GroupChanged, ModelChanged
from shared.kafka.records import Record
from shared.kafka.state_reader import TakeState
from shared.telemetry.logs import get_logger

PASSED_OVER: Final = {CONTROL_DIRECTORY.name: b"key:"}
"""Each key is listed in the directory too, for others: there is nothing in that for a relay."""
CONSUMES: Final = (
    CONTROL_ROUTING,
    CONTROL_KEYS,
    CONTROL_DIRECTORY,
    BILLING_PRICES,
    BILLING_BUDGETS,
    RELAY_HEALTH,
)
PRODUCES: Final = (RELAY_REQUESTS, RELAY_HEALTH)

_logger = get_logger()


class StateHandlers:
    """Puts each state record into its book."""

    def __init__(
        self,
        *,
        keys: KeyBook,
        routing: RoutingBook,
        directory: DirectoryBook,
        prices: PriceBook,
        budgets: BudgetBook,
        limits: LimitBook,
        health: ChannelHealth,
    ) -> None:
        self.states: Mapping[str, TakeState] = {CONTROL_KEYS.name: keys.take}
        """Of these topics there are so many records that they are handed on without the rest."""

        def put_channel(changed: ChannelChanged) -> None:
            routing.put_channel(changed)
            health.put_channel(changed)

        def put_group(group: GroupChanged) -> None:
            routing.put_group(group)
            limits.put_group(group)

        def forget_routing(key: str) -> None:
            routing.forget(key)
            limits.forget(key)
            health.forget_channel(key)

        self._handlers: Mapping[type[Event], Callable[[Any], None]] = {
            ChannelChanged: put_channel,
            ModelChanged: routing.put_model,
            GroupChanged: put_group,
            LimitChanged: limits.put_limit,
            UserChanged: directory.put_user,
            WorkspaceChanged: directory.put_workspace,
            ProjectChanged: directory.put_project,
            PriceChanged: prices.put_model,
            GroupRatioChanged: prices.put_group,
            BudgetChanged: budgets.put_budget,
            ChannelHealthChanged: health.hear,
        }
        self._tombstones: Mapping[str, Callable[[str], None]] = {
            CONTROL_ROUTING.name: forget_routing,
            CONTROL_DIRECTORY.name: directory.forget,
            BILLING_PRICES.name: prices.forget,
            BILLING_BUDGETS.name: budgets.forget,
            RELAY_HEALTH.name: health.forget_view,
        }
        self._decoder = Decoder(tuple(self._handlers))

    def apply(self, record: Record) -> None:
        """Take one record. What cannot be read changes nothing, and is logged without its value."""
        if record.value is None:
            self._tombstones[record.topic]((record.key or b"").decode("utf-8", "replace"))
        else:
            try:
                event = self._decoder.decode(record.headers, record.value)
            except UnknownEventError:
                return
            except MalformedEventError as error:
                _logger.error("state.malformed", topic=record.topic, why=str(error))
                return
            self._handlers[type(event)](event)
