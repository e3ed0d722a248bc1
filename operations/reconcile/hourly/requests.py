"""What a record of `relay.requests` says, read fast: there may be ten million."""

from datetime import datetime
from typing import Annotated, Final

import msgspec

from operations.reconcile.hourly.sums import Bucket
from operations.reconcile.observed import ObservedRequest
from shared.events.requests import Outcome, RequestCompleted
from shared.kafka.records import Record

_TYPE: Final = RequestCompleted.TYPE.encode()
_HOUR_S: Final = 3600


class Told(msgspec.Struct):
    """The part of `RequestCompleted` that is summed."""

    request_id: str
    workspace_id: int
    outcome: str
    completed_at: Annotated[datetime, msgspec.Meta(tz=True)]
    quota: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether it is charged whatever it cost."""
        return self.outcome == Outcome.SUCCEEDED

    @property
    def has_entry(self) -> bool:
        """Whether the ledger has to have an entry."""
        return self.quota > 0 or self.succeeded

    @property
    def bucket(self) -> Bucket:
        """The hour in which it completed, of its workspace."""
        at = int(self.completed_at.timestamp())
        return Bucket(at - at % _HOUR_S, self.workspace_id)


class UnreadableError(Exception):
    """The record says that it is a `RequestCompleted`, and is none."""


_DECODER: Final = msgspec.json.Decoder(Told)


def read(record: Record) -> Told | None:
    """The request; None for another event. Raises UnreadableError."""
    if record.headers.get("ce_type") != _TYPE:
        return None
    try:
        return _DECODER.decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _as_the_contract_has_it(record.value or b"")


def _as_the_contract_has_it(value: bytes) -> Told:
    """The contract takes some spellings that the fast reader does not."""
    try:
        told = ObservedRequest.model_validate_json(value)
    except ValueError:
        raise UnreadableError from None
    return Told(
        request_id=told.request_id,
        workspace_id=told.workspace_id,
        outcome=told.outcome.value,
        completed_at=told.completed_at,
        quota=told.quota,
    )
