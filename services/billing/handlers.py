"""What billing reads from Kafka, on one screen: event to use case."""

from collections.abc import Sequence
from typing import Final

from services.billing.charging.chargeable import (
    Charge,
    FailedRequest,
    NotChargeableError,
    read_charge,
)
from services.billing.charging.posting import post_charges
from services.billing.metrics import BillingMetrics
from shared.events.catalog import (
    AUDIT_ACTIONS,
    BILLING_BUDGETS,
    BILLING_LEDGER,
    BILLING_PRICES,
    CONTROL_DIRECTORY,
    RELAY_REQUESTS,
)
from shared.events.requests import RequestCompleted
from shared.kafka.errors import DeadLetterReason, Unreadable, UnreadableRecordError
from shared.kafka.records import Record
from shared.postgres.retrying import Connection

CONSUMER_GROUP: Final = "billing"
CHARGED: Final = RELAY_REQUESTS
"""Read by the consumer group; `control.directory` is read whole, see `directory.py`."""
CONSUMES: Final = (CHARGED, CONTROL_DIRECTORY)
PRODUCES: Final = (BILLING_PRICES, BILLING_BUDGETS, BILLING_LEDGER, AUDIT_ACTIONS)
_REQUEST_COMPLETED: Final = RequestCompleted.TYPE.encode()


class ChargeRequests:
    """Handles batches of `relay.requests`: `RequestCompleted` becomes a charge, or nothing."""

    def __init__(self, metrics: BillingMetrics) -> None:
        self._metrics = metrics

    async def __call__(self, connection: Connection, records: Sequence[Record], /) -> None:
        """Inside the transaction that moves the watermarks. Idempotent by the request's id."""
        charges, failed = read_charges(records)
        posted = await post_charges(connection, charges, failed)
        self._metrics.charged(posted, repeated=len(charges) - len(posted))


def read_charges(records: Sequence[Record]) -> tuple[list[Charge], list[FailedRequest]]:
    """The charges of a batch, in order, and what failed and cost nothing.

    Passes over events that it does not know.

    Raises UnreadableRecordError with all records that say they are a request and cannot be read.
    """
    charges: list[Charge] = []
    failed: list[FailedRequest] = []
    unreadable = []
    for record in records:
        if record.headers.get("ce_type") != _REQUEST_COMPLETED:
            continue
        try:
            charge = read_charge(record.value or b"")
        except NotChargeableError:
            unreadable.append(Unreadable(record, DeadLetterReason.MALFORMED))
            continue
        if isinstance(charge, Charge):
            charges.append(charge)
        else:
            failed.append(charge)
    if unreadable:
        raise UnreadableRecordError(unreadable)
    return charges, failed
