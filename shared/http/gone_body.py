"""The body of an answer whose client had left before its head could be sent."""

from typing import Final


class GoneBody:
    """A StreamBody that takes nothing."""

    is_gone = True
    is_full = False

    def write(self, data: bytes) -> bool:  # noqa: ARG002  # a StreamBody's
        """See StreamBody."""
        return False

    async def room(self, timeout_s: float) -> bool:  # noqa: ARG002  # a StreamBody's
        """See StreamBody."""
        return False

    async def end(self, last: bytes, timeout_s: float) -> bool:  # noqa: ARG002  # a StreamBody's
        """See StreamBody."""
        return False

    def abort(self) -> None:
        """See StreamBody."""


GONE: Final = GoneBody()
