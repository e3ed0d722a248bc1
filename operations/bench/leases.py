"""What leases add to a request: CPU of the relay, and messages to billing.

All payers get the same requests at the same steady rate, in turns; the rate is far from what the
relay can do, so that an account that is soon spent has as much to spend on any machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import aiohttp

from deploy.local.stack import Stack
from operations.bench.comparison import FIGURES
from operations.bench.figures import median_of
from operations.bench.hold_alone import hold_alone_us
from operations.bench.payers import FREE, LEASES, PAYERS, SCARCE, Payers
from operations.bench.plan import RELAY, Plan
from operations.bench.programs import generate
from operations.bench.settling import COMPLETED, relay_totals, wait_until_applied
from operations.bench.side_by_side import load_of
from operations.bench.sides import started_sides
from operations.bench.steps import Step
from operations.bench.table import row

_RATE_PER_S: Final = 2_000
_CONNECTIONS: Final = 32
_UNITS_OF_A_REQUEST: Final = 16.2
_SPARE: Final = 2
"""The account that is soon spent has so many times what a turn spends."""
_EXCHANGES: Final = "ledgerline_relay_lease_exchanges_total"
_THOUSAND: Final = 1_000


@dataclass(kw_only=True)
class PayerFigures:
    """One payer's turns."""

    cpu_us: list[float] = field(default_factory=list)
    """The relay's for a request, by turn."""
    p99_ms: list[float] = field(default_factory=list)
    messages: float = 0
    """To billing, of all turns; those of other leases, as heartbeats, are among them."""
    requests: float = 0

    @property
    def messages_per_thousand(self) -> float:
        """Messages for 1,000 requests."""
        return self.messages * _THOUSAND / self.requests


@dataclass(frozen=True, kw_only=True)
class LeaseCosts:
    """What the requests of each payer cost, beside those that are held of nothing."""

    rate_per_s: float
    hold_us: float
    """One hold taken and settled, in a process that does nothing else."""
    payers: dict[str, PayerFigures]

    def added_us(self, payer: str) -> float:
        """Beside what is held of nothing: the median over the rounds."""
        pairs = zip(self.payers[payer].cpu_us, self.payers[FREE].cpu_us, strict=True)
        return median_of(of_payer - of_free for of_payer, of_free in pairs)


async def measure_leases(stack: Stack, plan: Plan) -> LeaseCosts:
    """On a started stack of one relay, whose processes are back on every core afterwards."""
    found = {payer: PayerFigures() for payer in PAYERS}
    async with (
        started_sides(stack, (RELAY,)) as started,
        aiohttp.ClientSession(stack.relay_url()) as http,
    ):
        payers = Payers(stack, http)
        await payers.make()
        step = Step(name="leases", connections=_CONNECTIONS, duration_s=plan.leases_s)
        for number in range(plan.leases_rounds):
            for payer in PAYERS if number % 2 == 0 else PAYERS[::-1]:
                await wait_until_applied(stack)
                if payer == SCARCE:
                    turn_s = step.warm_up_s + step.duration_s
                    await payers.refill(int(_SPARE * _RATE_PER_S * turn_s * _UNITS_OF_A_REQUEST))
                before = await relay_totals(stack, http)
                spec = load_of(step, started.sides[0], started, stack)
                spec = replace(spec, key=payers.keys[payer], rate_per_s=_RATE_PER_S)
                result = await generate(spec)
                after = await relay_totals(stack, http)
                of_it = found[payer]
                of_it.cpu_us.append(FIGURES["cpu_us_per_request"](result))
                of_it.p99_ms.append(result.latency_ms["p99"])
                of_it.messages += after[_EXCHANGES] - before[_EXCHANGES]
                of_it.requests += after[COMPLETED] - before[COMPLETED]
    return LeaseCosts(rate_per_s=_RATE_PER_S, hold_us=await hold_alone_us(), payers=found)


def lease_lines(found: LeaseCosts) -> Iterator[str]:
    """A payer a line."""
    yield (
        f"{found.rate_per_s:,.0f} requests a second; messages to billing for 1,000 of them;"
        f" a hold by itself: {found.hold_us:.2f} us"
    )
    yield row("held of", "leases", "us CPU", "added", "p99 (ms)", "asks/1,000")
    for payer, figures in found.payers.items():
        yield row(
            payer,
            LEASES[payer],
            median_of(figures.cpu_us),
            None if payer == FREE else found.added_us(payer),
            median_of(figures.p99_ms),
            figures.messages_per_thousand,
        )
