"""What a charge's ledger entry keeps of how its figure came about. Pure.

With the ratios, kept apart since thousands of requests share them, it is all that is needed to
reckon the charge again. Nothing that was said is in it, and of the client only the user's name.
"""

from typing import Final

import msgspec

from shared.events.requests import Outcome

NULL: Final = msgspec.Raw(b"null")
EMPTY: Final = msgspec.Raw(b'""')
NONE_USED: Final = msgspec.Raw(b"{}")
NO_ITEMS: Final = msgspec.Raw(b"[]")


class ChargeDetail(msgspec.Struct, frozen=True, gc=False):
    """In the order in which it is written. Raw: the JSON as the event has it, byte for byte."""

    username: str
    group: msgspec.Raw
    user_group: msgspec.Raw
    project_id: int | None
    provider_id: int | None
    provider: msgspec.Raw
    channel_id: msgspec.Raw
    upstream_model: msgspec.Raw
    outcome: Outcome
    started_at: msgspec.Raw
    hold_quota: int
    usage_source: msgspec.Raw
    usage: msgspec.Raw
    attempts: msgspec.Raw
    leases: msgspec.Raw


_ENCODE: Final = msgspec.json.Encoder().encode


def detail_json(detail: ChargeDetail) -> bytes:
    """The bytes that are kept and hashed."""
    return _ENCODE(detail)
