"""Refusals of known keys: counted, and published beside the journal, a few a second for each key.

They cost nothing, so they need not survive a crash; and a client that hammers a closed door must
fill neither the journal nor the topic.
"""

import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from services.relay.callers.caller import ApiCaller
from services.relay.errors import RelayError
from services.relay.exchange import Arrival, Ending
from services.relay.journal.records import CompletedRecord
from services.relay.metrics import OTHER, RequestMetrics
from services.relay.recording.completion import record_of, rejected
from services.relay.recording.request_log import log_rejection
from shared.events.requests import Outcome

_PER_SECOND: Final = 10
_REMEMBERED_KEYS: Final = 10_000
_MAX_WAITING: Final = 10_000


@dataclass(slots=True)
class _Window:
    second: int
    published: int
    suppressed: int


class Rejections:
    """Makes `rejected` events. The publisher takes them from `waiting`."""

    def __init__(self, metrics: RequestMetrics) -> None:
        self._metrics = metrics
        self._windows: OrderedDict[int, _Window] = OrderedDict()
        self.waiting: deque[CompletedRecord] = deque(maxlen=_MAX_WAITING)

    def reject(
        self, arrival: Arrival, caller: ApiCaller, opening: str, error: RelayError, *,
        model: str | None,
    ) -> None:  # fmt: skip
        """Count a refusal, and let it be published unless its key had many this second.

        `opening` is that of `completion.opening_json`; `model` a configured one.
        """
        code = error.code.value
        self._metrics.requests.of(model or OTHER, Outcome.REJECTED.value, code).total += 1
        suppressed = self._admit(caller.key.key_id)
        if suppressed is None:
            self._metrics.suppressed.inc()
            return
        ending = Ending(Outcome.REJECTED, error.http_status, error.code)
        event = rejected(arrival, caller, opening, ending, suppressed_count=suppressed)
        self.waiting.append(record_of(event, arrival.id_bytes, arrival.traceparent))
        log_rejection(event, arrival.trace_id)

    def _admit(self, key_id: int) -> int | None:
        """How many were suppressed since the last published one; null: suppress this one too."""
        second = int(time.monotonic())
        window = self._windows.get(key_id)
        if window is None:
            window = self._windows[key_id] = _Window(second, 0, 0)
            if len(self._windows) > _REMEMBERED_KEYS:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key_id)
        if window.second != second:
            window.second, window.published = second, 0
        if window.published >= _PER_SECOND:
            window.suppressed += 1
            return None
        window.published += 1
        suppressed, window.suppressed = window.suppressed, 0
        return suppressed
