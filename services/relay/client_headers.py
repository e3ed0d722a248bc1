"""What is kept of what a client says of itself: only what has the form of such a thing. Pure.

Anything else is left out, not cut: what a client made up could say anything.
"""

import re
from functools import lru_cache
from typing import Final

RETRY_COUNT_HEADER: Final = "x-stainless-retry-count"
"""Of OpenAI's and Anthropic's libraries: 0 at the first try."""
_REMEMBERED: Final = 1024
# As every URL parser writes a host: in lower case. Who writes it otherwise made it up by hand.
_HOST: Final = re.compile(r"(?:[a-z0-9.-]{1,200}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ORIGIN: Final = re.compile(
    r"[a-z][a-z0-9+.-]{0,31}://(?:[a-z0-9.-]{1,200}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?"
)
_MAX_RETRIES: Final = 9_999


@lru_cache(_REMEMBERED)
def host_of(header: str) -> str:
    """The host that we were called by, with its port; empty where the header has no such form."""
    return header if _HOST.fullmatch(header) else ""


@lru_cache(_REMEMBERED)
def origin_of(header: str) -> str:
    """`scheme://host[:port]`; empty where the header has another form, `null` among them."""
    return header if _ORIGIN.fullmatch(header) else ""


def retry_count_of(header: str) -> int | None:
    """How often the client's library had tried before; null where that is no small number."""
    if not (header.isascii() and header.isdecimal() and len(header) <= len(str(_MAX_RETRIES))):
        return None
    return int(header)
