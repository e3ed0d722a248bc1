"""Control's settings."""

import base64
import binascii
from typing import Annotated, Final

from pydantic import Field, SecretStr
from pydantic.functional_validators import AfterValidator

from shared.service.settings import DatabaseSettings

_KEY_BYTES: Final = 32


def _thirty_two_bytes(value: SecretStr) -> SecretStr:
    decode_key(value)
    return value


def decode_key(value: SecretStr) -> bytes:
    """The 32 bytes of a key in base64. Raises ValueError, without the value."""
    try:
        raw = base64.b64decode(value.get_secret_value(), validate=True)
    except binascii.Error:
        raise ValueError("32 bytes in base64 are needed") from None
    if len(raw) != _KEY_BYTES:
        raise ValueError("32 bytes in base64 are needed")
    return raw


Key = Annotated[SecretStr, AfterValidator(_thirty_two_bytes)]


class ControlSettings(DatabaseSettings):
    """From the environment, with the prefix `LEDGERLINE_`."""

    signing_seed: Key
    """Ed25519 seed of the assertions, 32 bytes in base64. The same for every control."""
    master_key: Key
    """Under which channel keys are sealed, 32 bytes in base64. Control and the relays have it."""
    egress_allowed_networks: tuple[str, ...] = ()
    """Networks that are not public and that a channel may lead to all the same."""
    password_workers: Annotated[int, Field(ge=1)] = 2
    """Threads that hash passwords; each takes 64 MiB and a core while it does."""
    password_queue: Annotated[int, Field(ge=1)] = 16
    """How many may wait for them; the next is told to come back."""
    session_token_s: Annotated[int, Field(ge=60)] = 15 * 60
    """A session's token is good for so long; then its refresh token brings the next one."""
    session_lifetime_s: Annotated[int, Field(ge=60)] = 30 * 24 * 60 * 60
    """A session, and its refresh token, ends at the latest so long after the login."""
    refresh_grace_s: Annotated[int, Field(ge=0, le=300)] = 10
    """A refresh token is answered once more, alike, for so long after its use; 0: never."""
    login_max_failures: Annotated[int, Field(ge=1)] = 5
    """A name is locked after so many wrong passwords in a row."""
    login_lock_s: Annotated[int, Field(ge=1)] = 30
    """How long it is locked at first; each failure after that doubles it."""
    login_longest_lock_s: Annotated[int, Field(ge=1)] = 15 * 60
    """The longest that a name is locked for one failure."""
    login_address_failures: Annotated[int, Field(ge=1)] = 50
    """So many wrong passwords may come from one client address in a window."""
    login_address_window_s: Annotated[int, Field(ge=1)] = 15 * 60
    """The length of that window."""
    cookie_is_secure: bool = False
    """Send the session cookie over HTTPS only; set it wherever the public door is HTTPS."""
