"""The two tokens of a session, and how the next ones follow. Pure but for randomness.

The next tokens are a keyed hash of the refresh token that is used up. So the same answer can be
given again to a client that lost it, although control keeps nothing but hashes.
"""

import base64
import hashlib
import hmac
from typing import Final, NamedTuple

from services.control.secrets_made import new_session_token

_PURPOSE: Final = b"ledgerline/control/session-tokens/v1"


class SessionTokens(NamedTuple):
    """Both are secrets of 43 characters."""

    session: str
    refresh: str

    def __repr__(self) -> str:
        return "SessionTokens(…)"


class TokenChain:
    """Makes first tokens and their successors."""

    def __init__(self, seed: bytes) -> None:
        # A key of its own, so that no signature can ever stand for a token.
        self._key = hmac.digest(seed, _PURPOSE, hashlib.sha256)

    def first(self) -> SessionTokens:
        """Random ones, for a login."""
        return SessionTokens(session=new_session_token(), refresh=new_session_token())

    def after(self, refresh_token: str) -> SessionTokens:
        """The ones that follow this refresh token: always the same."""
        return SessionTokens(
            session=self._made("session", refresh_token),
            refresh=self._made("refresh", refresh_token),
        )

    def _made(self, kind: str, refresh_token: str) -> str:
        text = f"{kind}:{refresh_token}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, text, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
