"""From where a request comes: what is known of it without asking anybody."""

from dataclasses import dataclass
from typing import Final, Self

from aiohttp import web

from shared.events.text import fit_text

CLIENT_ADDRESS_HEADER: Final = "x-ledgerline-client-address"
"""Set by the relay, which strips what a client sends under such names."""
_MAX_ADDRESS: Final = 64
_MAX_USER_AGENT: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An address and a program; both empty where they are not known."""

    address: str = ""
    user_agent: str = ""

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """The client of a request, with texts that fit events and tables."""
        headers = request.headers
        return cls(
            address=fit_text(headers.get(CLIENT_ADDRESS_HEADER, ""), _MAX_ADDRESS),
            user_agent=fit_text(headers.get("User-Agent", ""), _MAX_USER_AGENT),
        )
