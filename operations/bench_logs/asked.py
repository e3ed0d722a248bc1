"""What a case of the benchmark is, and what is known of the rows that it asks for."""

from dataclasses import dataclass
from typing import Final

from operations.bench_logs.calls import Call
from operations.seed_logs.history import History
from operations.seed_logs.population import User, population

VARIANTS: Final = 20


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    title: str
    variants: tuple[Call, ...]
    target_p95_ms: float | None = None


@dataclass(frozen=True)
class Known:
    """What is there, as far as cases need it."""

    history: History
    total: int
    """Rows in all."""
    own_total: int
    """Of the user with the most."""
    request_ids: tuple[str, ...]
    upstream_request_ids: tuple[str, ...]
    cursors: tuple[str, ...]
    """Behind pages far back; none where lists give none."""


def users(known: Known) -> list[User]:
    """Heavy, usual and rare ones; the heaviest is the first."""
    everybody = population(users=known.history.users).users.things
    step = max(1, len(everybody) // VARIANTS)
    return [*everybody[: VARIANTS // 2], *everybody[step // 2 :: step]]
