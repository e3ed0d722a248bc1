"""Providers' keys at rest and in transit: AES-256-GCM, bound to the channel they belong to.

Control seals them; the relay opens them. A ciphertext moved to another channel does not open, nor
does a key where another part of the channel is kept.
"""

import base64
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12
_VERSION: Final = b"\x01"
PROXY: Final = "proxy"
"""The part of a channel that its outgoing proxy's URL is."""


class CannotOpenError(Exception):
    """Wrong master key, another channel's ciphertext, or one that was changed."""


class ChannelKeyBox:
    """Seals and opens under the master key (32 bytes)."""

    def __init__(self, master_key: bytes) -> None:
        self._cipher = AESGCM(master_key)

    def seal(self, secret: str, *, channel_id: int, part: str = "") -> str:
        """The ciphertext in base64; different each time. Without a part it is a key."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), _bound_to(channel_id, part))
        return base64.b64encode(_VERSION + nonce + sealed).decode()

    def open(self, ciphertext: str, *, channel_id: int, part: str = "") -> str:
        """The secret. Raises CannotOpenError."""
        try:
            raw = base64.b64decode(ciphertext, validate=True)
            if raw[:1] != _VERSION:
                raise CannotOpenError
            nonce, sealed = raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES :]
            return self._cipher.decrypt(nonce, sealed, _bound_to(channel_id, part)).decode()
        except (ValueError, InvalidTag):
            raise CannotOpenError from None


def _bound_to(channel_id: int, part: str) -> bytes:
    return b"channel:%d" % channel_id + (b":" + part.encode() if part else b"")
