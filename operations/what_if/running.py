"""Rating a period again, chunk by chunk: each is saved with its sums, or not at all."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from operations.what_if.reached import Reached
from operations.what_if.source import Source
from operations.what_if.state import State
from services.billing.what_if.rating_again import choice_of, rate_again, summed
from shared.money.rerating import Rerater


class Tell(Protocol):
    """Who is told how far it is."""

    def __call__(self, reached: Reached, /, *, total: int) -> None:
        """After each chunk, and once before."""


async def run(
    state: State,
    source: Source,
    prices: Callable[[], Awaitable[Mapping[str, Any]]],
    *,
    chunk: int,
    tell: Tell,
) -> None:
    """Begin the run that the state is of, or go on with it, to its end.

    The prices, and what there is to read, are asked for once and are then those of the run.
    Raises CannotBeSaidError, and what `prices`, the database and the broker raise.
    """
    if not state.is_begun:
        state.begin(await prices(), await source.stretch())
    rerater = Rerater(choice_of(state.prices))
    stretch, reached = state.stretch, state.reached
    tell(reached, total=stretch["total"])
    async for one in source.chunks(stretch, reached.position, size=chunk):
        with state.saving():
            fresh = [each.charge for each in one.told if state.is_new(each.request_key)]
            rated = rate_again(rerater, fresh)
            state.add(summed(rated))
            reached = Reached(
                position=one.position,
                looked_at=reached.looked_at + one.looked_at,
                not_rateable=reached.not_rateable + sum(again.units is None for again in rated),
                unreadable=reached.unreadable + one.unreadable,
                repeated=reached.repeated + len(one.told) - len(fresh),
            )
            state.move(reached)
        tell(reached, total=stretch["total"])
    with state.saving():
        state.move(reached._replace(is_done=True))
