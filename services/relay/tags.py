"""`X-Ledgerline-Tags`: a few short pairs of the client's own, for its reports.

`team=search,env=prod`: up to ten pairs; names and values of letters, digits, `_`, `.`, `:`, `-`;
names up to 32 characters, values up to 64. Tags are not free text: nothing that was said fits.
"""

import re
from collections.abc import Mapping
from typing import Final

from services.relay.errors import invalid_request

TAGS_HEADER: Final = "X-Ledgerline-Tags"
_MAX_TAGS: Final = 10
_PAIR: Final = re.compile(r"([A-Za-z0-9_.:-]{1,32})=([A-Za-z0-9_.:-]{1,64})")


def read_tags(headers: Mapping[str, str]) -> dict[str, str]:
    """The tags; none where the header is missing. Raises RelayError 400."""
    header = headers.get(TAGS_HEADER)
    if not header:
        return {}
    pairs = [_PAIR.fullmatch(part.strip()) for part in header.split(",", _MAX_TAGS)]
    matched = [pair for pair in pairs if pair is not None]
    if len(matched) != len(pairs) or len(pairs) > _MAX_TAGS:
        raise invalid_request(
            f"`{TAGS_HEADER}` takes up to {_MAX_TAGS} pairs such as `team=search,env=prod`."
        )
    return {pair.group(1): pair.group(2) for pair in matched}
