"""What leases cost: the differences within a round, and a hold by itself."""

from operations.bench.hold_alone import hold_alone_us
from operations.bench.leases import LeaseCosts, PayerFigures, lease_lines
from operations.bench.payers import FREE, PAYERS, RICH


def of(*cpu_us: float) -> PayerFigures:
    return PayerFigures(cpu_us=[*cpu_us], p99_ms=[1.0] * len(cpu_us), messages=3, requests=2_000)


def test_what_is_added_is_told_from_the_same_round() -> None:
    costs = LeaseCosts(
        rate_per_s=10, hold_us=1.25, payers={FREE: of(100, 150, 90), RICH: of(103, 149, 94)}
    )

    assert costs.added_us(RICH) == 3
    first, _, free, rich = lease_lines(costs)
    assert first.endswith("1.25 us")
    assert free.startswith(FREE)
    assert rich.split()[-5:] == ["1", "103", "3", "1", "1.5"]


async def test_a_hold_is_taken_and_settled_by_the_relays_own_keeper() -> None:
    assert 0 < await hold_alone_us() < 1_000


def test_each_payer_is_told_by_its_leases() -> None:
    costs = LeaseCosts(rate_per_s=10, hold_us=1, payers={payer: of(1.0) for payer in PAYERS})
    assert len(list(lease_lines(costs))) == 2 + len(PAYERS)
