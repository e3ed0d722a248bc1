"""Every request on the topic, and what each party says of it. Pure; about 200 bytes a request.

A request is kept as 16 bytes of id and one packed integer, from the low end: whether the ledger
has it, whether the logs have it, whether it succeeded, its relay (24 bits), its workspace (32 bits,
by the order in which they came), its quota.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from operations.reconcile.gaps import Gap
from operations.reconcile.horizons import Horizons
from shared.events.event import Event
from shared.events.ids import event_bytes
from shared.events.numbers import Id, QuotaUnits, Time, Tokens
from shared.events.requests import Outcome, RequestCompleted
from shared.events.text import Code

_IN_LEDGER: Final = 1
_IN_LOGS: Final = 2
_SUCCEEDED: Final = 4
_RELAY_SHIFT: Final = 3
_RELAY_BITS: Final = 24
_WORKSPACE_SHIFT: Final = _RELAY_SHIFT + _RELAY_BITS
_WORKSPACE_BITS: Final = 32
_QUOTA_SHIFT: Final = _WORKSPACE_SHIFT + _WORKSPACE_BITS
_CONSUMPTION: Final = 2
_ERROR: Final = 4
_HOUR_S: Final = 3600
_MS: Final = 1000


class CountedTokens(Event):
    """The part of `Usage` that `quota_data` counts."""

    TYPE = "ledgerline.usage.v1"

    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0


class ObservedRequest(Event):
    """The part of `RequestCompleted` that is compared."""

    TYPE = RequestCompleted.TYPE

    request_id: Code
    workspace_id: Id
    outcome: Outcome
    usage: CountedTokens = CountedTokens()
    quota: QuotaUnits = 0
    completed_at: Time

    @property
    def has_entry(self) -> bool:
        """Whether the ledger has to have an entry."""
        return self.outcome is Outcome.SUCCEEDED or self.quota > 0


@dataclass(slots=True)
class Observed:
    """The requests of a span. `since`: older ones are left out, on every side."""

    since: datetime | None = None
    contradictions: list[Gap] = field(default_factory=list)
    """The same id with another quota or another outcome."""
    published: dict[str, int] = field(default_factory=dict)
    """Distinct requests by relay, without refusals: those bypass the journal and its count."""
    tokens_by_hour: dict[int, int] = field(default_factory=dict)
    _requests: dict[bytes, int] = field(default_factory=dict)
    _relays: dict[str, int] = field(default_factory=dict)
    _workspaces: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def units(self) -> int:
        """What they cost in all."""
        return sum(packed >> _QUOTA_SHIFT for packed in self._requests.values())

    def add(self, request: ObservedRequest, relay_id: str) -> None:
        """One record of the topic. The same request may come again."""
        if self.since is not None and request.completed_at < self.since:
            return
        key = event_bytes(request.request_id)
        succeeded = _SUCCEEDED if request.outcome is Outcome.SUCCEEDED else 0
        relay = self._relays.setdefault(relay_id, len(self._relays) % (1 << _RELAY_BITS))
        workspace = self._workspaces.setdefault(request.workspace_id, len(self._workspaces))
        packed = (
            (request.quota << _QUOTA_SHIFT)
            | (workspace << _WORKSPACE_SHIFT)
            | (relay << _RELAY_SHIFT)
            | succeeded
        )
        is_new = key not in self._requests
        known = self._requests.setdefault(key, packed)
        if not is_new:
            told, known_told = (
                (each >> _QUOTA_SHIFT, each & _SUCCEEDED) for each in (packed, known)
            )
            if told != known_told:
                self.contradictions.append(
                    Gap(request.request_id, "is on the topic with two different ends")
                )
        elif request.has_entry:
            at = int(request.completed_at.timestamp())
            tokens = request.usage.prompt_tokens + request.usage.completion_tokens
            hour = at - at % _HOUR_S
            self.tokens_by_hour[hour] = self.tokens_by_hour.get(hour, 0) + tokens
        comes_from_another = (known ^ packed) >> _RELAY_SHIFT & ((1 << _RELAY_BITS) - 1)
        if request.outcome is not Outcome.REJECTED and (is_new or comes_from_another):
            self.published[relay_id] = self.published.get(relay_id, 0) + 1

    def ledger_entry(self, request_id: str, charged_units: int) -> Gap | None:
        """A charge of the ledger. LookupError where the request is not on the topic."""
        key = event_bytes(request_id)
        packed = self._requests[key]
        self._requests[key] = packed | _IN_LEDGER
        quota = packed >> _QUOTA_SHIFT
        if not quota and not packed & _SUCCEEDED:
            return Gap(request_id, "has an entry, though it neither succeeded nor cost anything")
        if quota != charged_units:
            return Gap(request_id, f"was charged {charged_units} where its event says {quota}")
        return None

    def log_row(self, key: bytes, quota: int, row_type: int) -> Gap | None:
        """A request's row of the logs. LookupError where the request is not on the topic."""
        packed = self._requests[key]
        self._requests[key] = packed | _IN_LOGS
        expected = packed >> _QUOTA_SHIFT
        expected_type = _CONSUMPTION if packed & _SUCCEEDED else _ERROR
        if quota != expected:
            return Gap(_name(key), f"its row says {quota} where its event says {expected}")
        if row_type != expected_type:
            return Gap(_name(key), f"its row is of type {row_type} and not {expected_type}")
        return None

    def not_in_ledger(self) -> Iterator[Gap]:
        """Requests that have to have an entry, and have none."""
        for key, packed in self._requests.items():
            quota = packed >> _QUOTA_SHIFT
            if not packed & _IN_LEDGER and (quota or packed & _SUCCEEDED):
                yield Gap(_name(key), f"has no ledger entry; its event says {quota}")

    def not_in_logs(self, horizons: Horizons) -> Iterator[Gap]:
        """Requests without a log row, but for those whose row may have been deleted.

        A request's id tells when it came; its row is of when it ended, and that is never earlier.
        """
        deleted_before = [horizons.of(workspace_id) * _MS for workspace_id in self._workspaces]
        for key, packed in self._requests.items():
            workspace = packed >> _WORKSPACE_SHIFT & ((1 << _WORKSPACE_BITS) - 1)
            if not packed & _IN_LOGS and _came_at_ms(key) >= deleted_before[workspace]:
                yield Gap(_name(key), "has no log row")

    def is_in_ledger(self, key: bytes) -> bool:
        """Whether the ledger was seen to have it, or need not have it."""
        packed = self._requests.get(key)
        if packed is None:
            return False
        return bool(packed & _IN_LEDGER) or not (packed >> _QUOTA_SHIFT or packed & _SUCCEEDED)


def _came_at_ms(key: bytes) -> int:
    """A UUIDv7 begins with its time."""
    return int.from_bytes(key[:6])


def _name(key: bytes) -> str:
    return str(UUID(bytes=key))
