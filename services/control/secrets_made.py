"""The secrets that control gives out, and what it keeps of them. Pure but for randomness.

All are long and random, so one SHA-256 is enough to keep them by; passwords are another matter
(`passwords`).
"""

import hashlib
import secrets
import string
from typing import Final

KEY_MARK: Final = "sk-"
_KEY_CHARS: Final = 48
_ACCESS_TOKEN_CHARS: Final = 32
_SESSION_BYTES: Final = 32
_PREFIX_CHARS: Final = 4
_ALPHABET: Final = string.ascii_letters + string.digits


def new_key_secret() -> str:
    """The 48 characters of an API key, without `sk-`."""
    return _random_text(_KEY_CHARS)


def new_access_token() -> str:
    """The 32 characters of a user's access token."""
    return _random_text(_ACCESS_TOKEN_CHARS)


def new_session_token() -> str:
    """The 43 characters of a session, safe in a cookie and a header."""
    return secrets.token_urlsafe(_SESSION_BYTES)


def hash_secret(secret: str) -> bytes:
    """What is kept. Takes any text, lone surrogates too: an unknown secret is no error."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def strip_key_mark(shown: str) -> str:
    """A key as it is hashed: `sk-` is for people and scanners."""
    return shown.removeprefix(KEY_MARK)


def is_key_secret(text: str) -> bool:
    """Whether this could be a whole key, without `sk-`."""
    return len(text) == _KEY_CHARS and all(char in _ALPHABET for char in text)


def key_prefix(secret: str) -> str:
    """The characters by which a person tells keys apart in a list."""
    return secret[:_PREFIX_CHARS]


def masked_key(prefix: str) -> str:
    """How a key looks once it was shown."""
    return f"{KEY_MARK}{prefix}**********"


def _random_text(chars: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(chars))
