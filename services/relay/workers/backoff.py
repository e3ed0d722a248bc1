"""How long a worker that ended is left alone before it is started again. Pure."""

from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 5.0
STEADY_S: Final = 30.0
"""Who has run this long does not crash repeatedly: the next start is soon again."""


class Backoff:
    """The waits of one worker: each twice the last, until it has run for a while."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def after(self, ran_s: float) -> float:
        """The wait before the next start, in seconds, of a worker that ran for `ran_s`."""
        if ran_s >= STEADY_S:
            self._next_s = FIRST_S
        wait_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_S)
        return wait_s
