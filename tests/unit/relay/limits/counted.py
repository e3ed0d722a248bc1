"""A limit under a clock that the test moves."""

from services.relay.limits.deciding import State, decide, empty, settle
from services.relay.limits.limit import Decision, Demand, Limit
from tests.unit.relay.limits.made_limits import START_MS


class Counted:
    """Asks one limit at times that count from a whole minute."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.state: State = empty(limit)

    def ask(self, at_ms: int, *, use: int = 1, hold: int = 0) -> Decision:
        demand = Demand(self.limit, use, hold)
        self.state, decision = decide(self.state, START_MS + at_ms, demand)
        return decision

    def allows(self, at_ms: int, *, use: int = 1) -> bool:
        return self.ask(at_ms, use=use).is_allowed

    def end(self, at_ms: int, *, held: int, used: int) -> None:
        self.state = settle(self.state, START_MS + at_ms, self.limit, held=held, used=used)

    def allowed(self, at_ms: int, of: int) -> int:
        """How many of so many at once."""
        return sum(self.allows(at_ms) for _ in range(of))
