from services.relay.limits.limit import Counting, Demand, Kind
from services.relay.limits.memory_store import MemoryStore
from tests.unit.relay.limits.made_limits import START_MS, WINDOW_MS, limit, one, place

_REQUESTS = limit(Counting.SLIDING, 2)
_TOKENS = limit(Counting.SLIDING, 1000, kind=Kind.TOKENS)
_PLACES = place(2)


class _Clock:
    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


def _demands(tokens: int = 100) -> list[Demand]:
    return [one(_REQUESTS), Demand(_TOKENS, 0, tokens), Demand(_PLACES, 0, 1)]


def test_a_refused_request_takes_nothing_of_any_limit() -> None:
    store = MemoryStore(_Clock())
    refused = store.take("big", _demands(1001))
    assert [each.is_allowed for each in refused.decisions] == [True, False, True]
    assert [each.remaining for each in refused.decisions] == [2, 1000, 2]
    assert store.take("small", _demands(1000)).is_allowed
    assert not store.in_flight.get("big")


def test_a_request_that_ends_gives_back_what_it_held_once() -> None:
    store = MemoryStore(_Clock())
    store.take("a", _demands(600))
    assert [amount for _, amount in store.settle("a", 70)] == [600, 1]
    assert store.settle("a", 70) == ()
    decisions = store.take("b", _demands(100)).decisions
    assert [each.remaining for each in decisions] == [0, 830, 1]


def test_what_another_store_let_through_counts_here_too() -> None:
    """So that a relay that is left alone does not begin with an empty window."""
    store = MemoryStore(_Clock())
    store.mirror("a", _demands(900))
    store.mirror("b", _demands(900))
    refused = store.take("c", _demands(1)).decisions
    assert [each.is_allowed for each in refused] == [False, False, False]
    store.settle("a", 0)
    store.settle("b", 0)
    assert [each.is_allowed for each in store.take("d", _demands(1)).decisions] == [
        False,
        True,
        True,
    ]


def test_what_rests_is_forgotten_and_what_is_held_is_not() -> None:
    clock = _Clock()
    store = MemoryStore(clock)
    store.take("stays", [Demand(place(9), 0, 1)])
    for number in range(500):
        store.take(f"r{number}", [one(limit(Counting.FIXED, 5, subject=f"key:{number}"))])
    assert len(store) == 501
    clock.now_ms += 3 * WINDOW_MS
    busy = limit(Counting.FIXED, 10**6, subject="busy")
    for number in range(600):
        store.take(f"s{number}", [one(busy)])
    assert len(store) == 2
    assert store.in_flight.keys() == {"stays"}
