import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from deploy.simulator.usage import Usage

# completed: every byte was handed to the socket. cut: ended early as asked. client_gone: the
# caller hung up first. refused: an error status. in_flight: not over.
Outcome = Literal["completed", "cut", "client_gone", "refused", "in_flight"]

_LONGEST_MODEL: Final = 200
_MAX_NAMES: Final = 1_000
_REMEMBERED_REQUESTS: Final = 10_000
_OTHER: Final = "other"


@dataclass(slots=True)
class Served:
    """One request, as it is remembered. `usage` is null until an answer was made."""

    request_id: str
    model: str
    key_sha256: str
    stream: bool
    started_at: float  # seconds of Unix time
    traceparent: str | None = None
    answer_id: str | None = None
    outcome: Outcome = "in_flight"
    status: int | None = None
    usage: Usage | None = None


@dataclass(slots=True)
class Totals:
    """Counts of requests; tokens are those of completed answers only."""

    requests: int = 0
    streams: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    most_in_flight: int = 0

    def begin(self, served: Served) -> None:
        """Count a request that has come in."""
        self.requests += 1
        self.streams += served.stream
        self.most_in_flight = max(self.most_in_flight, self.requests - self.outcomes.total())

    def end(self, served: Served) -> None:
        """Count a request whose outcome and status are known."""
        self.outcomes[served.outcome] += 1
        if served.status is not None:
            self.by_status[str(served.status)] += 1
        if served.outcome == "completed" and served.usage is not None:
            self.prompt_tokens += served.usage.prompt_tokens
            self.completion_tokens += served.usage.completion_tokens

    def report(self) -> dict[str, Any]:
        """The counts as JSON; what has begun and not ended is `in_flight`."""
        over = self.outcomes.total()
        return {
            "requests": self.requests,
            "streams": self.streams,
            "completed": self.outcomes["completed"],
            "cut": self.outcomes["cut"],
            "client_gone": self.outcomes["client_gone"],
            "refused": self.outcomes["refused"],
            "in_flight": self.requests - over,
            "most_in_flight": self.most_in_flight,
            "by_status": dict(self.by_status),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }


class ServedLedger:
    """What this provider served since it started or was last reset; bounded in memory."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything. Requests in flight are counted nowhere when they end."""
        self._totals = Totals()
        self._models: dict[str, Totals] = {}
        self._keys: Counter[str] = Counter()
        self._recent: deque[Served] = deque(maxlen=_REMEMBERED_REQUESTS)
        self._since = time.time()

    def begin(
        self, request_id: str, *, model: str, key_sha256: str, stream: bool, traceparent: str | None
    ) -> Served:
        """Count a request that has come in. The caller fills in the record and ends it once."""
        served = Served(
            request_id, model[:_LONGEST_MODEL], key_sha256, stream, time.time(), traceparent
        )
        for totals in (self._totals, self._of_model(served.model)):
            totals.begin(served)
        known = key_sha256 in self._keys or len(self._keys) < _MAX_NAMES
        self._keys[key_sha256 if known else _OTHER] += 1
        self._recent.append(served)
        return served

    def end(self, served: Served, outcome: Outcome) -> None:
        """Count how a request ended."""
        served.outcome = outcome
        if served.started_at < self._since:
            return
        self._totals.end(served)
        self._of_model(served.model).end(served)

    def report(self, last: int) -> dict[str, Any]:
        """All counts, and the last requests, the newest last."""
        recent = list(self._recent)[-last:] if last else []
        return {
            "totals": self._totals.report(),
            "models": {name: totals.report() for name, totals in self._models.items()},
            "keys_sha256": dict(self._keys),
            "requests": [asdict(served) for served in recent],
        }

    def _of_model(self, model: str) -> Totals:
        known = model in self._models or len(self._models) < _MAX_NAMES
        return self._models.setdefault(model if known else _OTHER, Totals())
