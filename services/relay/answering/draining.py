"""How long the rest of an answer is read for a client that has left.

The provider is paid for all of it, and tells what it used only at the end: the charge goes by that
if it comes in time. A model that reasons says nothing for minutes, and no estimate knows how much
it reasoned; so an answer that has not begun to speak has more time than one that has.
"""

from typing import NamedTuple


class DrainLimits(NamedTuple):
    """In seconds. Together they bound how long a client that is gone keeps a connection."""

    before_content_s: float
    """From when the client left, until the first of the answer's own text has come."""
    rest_s: float
    """From then on, or from when the client left if that was later."""
