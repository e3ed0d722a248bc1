"""What usage adds up and a row has in `other` alone. Pure."""

from typing import Final

import msgspec


class FiguresOfOther(msgspec.Struct, gc=False):
    """Under these names in rows of every release."""

    cache_tokens: int = 0
    suppressed_count: int = 0
    client_disconnected: bool = False


figures_of_other: Final = msgspec.json.Decoder(FiguresOfOther).decode
"""Those of a row's `other`, which is JSON."""
