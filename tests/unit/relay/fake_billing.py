"""A billing that holds one balance, and does what a test tells it."""

from collections.abc import Callable

from shared.http.internal_client import InternalCallError
from shared.leases.protocol import LeaseAnswer, LeaseAnswers, LeaseAsk, LeaseAsks, LeaseState


class FakeBilling:
    """A LeaseExchange. Grants what the balance leaves; counts what it is asked."""

    def __init__(self, balance: int) -> None:
        self.balance = balance
        self.held_by_others = 0
        self.others_wait = False
        self.is_away = False
        self.asked: list[LeaseAsk] = []
        self.exchanges = 0
        self.closed: dict[str, int] = {}
        self.on_exchange: Callable[[], None] = lambda: None
        self.closes_all = False

    async def exchange(self, asks: LeaseAsks) -> LeaseAnswers:
        self.exchanges += 1
        self.on_exchange()
        if self.is_away:
            raise InternalCallError("away")
        self.asked += asks.leases
        return LeaseAnswers(leases=tuple(map(self._answer, asks.leases)))

    def _answer(self, ask: LeaseAsk) -> LeaseAnswer:
        if ask.close:
            self.closed[ask.lease_id] = ask.used_total
        available = max(0, self.balance - self.held_by_others)
        granted = max(ask.used_total, min(ask.want_total, available))
        is_closed = ask.close or self.closes_all
        return LeaseAnswer(
            lease_id=ask.lease_id,
            seq=ask.seq,
            granted_total=granted,
            state=LeaseState.CLOSED if is_closed else LeaseState.OPEN,
            is_short=granted < ask.need_total,
            is_scarce=self.others_wait or granted < ask.want_total,
            spendable_units=max(0, self.balance - ask.used_total),
        )


class FakeLeaseJournal:
    """A LeaseJournal: which leases are written down now, and all that ever were."""

    def __init__(self) -> None:
        self.open: dict[str, str] = {}
        self.opened: list[str] = []

    def open_lease(self, lease_id: str, subject: str) -> None:
        self.open[lease_id] = subject
        self.opened.append(subject)

    def forget_lease(self, lease_id: str) -> None:
        self.open.pop(lease_id, None)
