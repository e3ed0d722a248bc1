"""The fields of request bodies: bounded like the events that they end in, and checked once."""

import ipaddress
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints
from pydantic.functional_validators import AfterValidator

from shared.events.numbers import MAX_ID, MAX_TOKENS
from shared.events.routing import Status
from shared.events.text import Url

_SAFE: Final = r"^[^\x00-\x1f\x7f]+$"
_MAX_UNIX_S: Final = 253_402_300_799  # the end of the year 9999, the last that a datetime takes
NEVER: Final = -1
_ADDRESS_NEEDED: Final = "allow_ips takes one address or CIDR range a line"

Named = Annotated[
    str, StringConstraints(min_length=1, max_length=128, strip_whitespace=True, pattern=_SAFE)
]
"""A name that must be there: of a key, a channel, a user, a group, a model."""
Description = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""What a person says of a thing, on one line."""
RowId = Annotated[int, Field(ge=1, le=MAX_ID)]
Tokens = Annotated[int, Field(ge=0, le=MAX_TOKENS)]
UnixSeconds = Annotated[int, Field(ge=NEVER, le=_MAX_UNIX_S)]
Password = Annotated[SecretStr, Field(min_length=8, max_length=128)]


def _fits_a_header(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a key is of visible ASCII characters")
    return key


ProviderKey = Annotated[
    SecretStr, Field(min_length=1, max_length=2048), AfterValidator(_fits_a_header)
]


def _can_be_set(status: Status) -> Status:
    if status not in {Status.ENABLED, Status.DISABLED}:
        raise ValueError("status is 1 (enabled) or 2 (disabled)")
    return status


SettableStatus = Annotated[Status, AfterValidator(_can_be_set)]


ProxyUrl = Annotated[SecretStr, Field(max_length=1024)]
"""An outgoing proxy's, perhaps with a user name and a password; empty: none."""


def _well_formed(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("this is not a URL") from None
    return url.rstrip("/")


BaseUrl = Annotated[Url, AfterValidator(_well_formed)]
"""Without the trailing slash. Where it may lead is the egress policy's to say."""


def parse_addresses(lines: str) -> list[str]:
    """`allow_ips`, one address or CIDR range a line, in its usual form. Raises ValueError."""
    addresses = []
    for line in filter(None, map(str.strip, lines.replace(",", "\n").splitlines())):
        try:
            network = ipaddress.ip_network(line, strict=False)
        except ValueError:
            raise ValueError(_ADDRESS_NEEDED) from None
        # A zone means something on one machine only, and is as long as one likes.
        if getattr(network.network_address, "scope_id", None) is not None:
            raise ValueError(_ADDRESS_NEEDED)
        is_single = network.prefixlen == network.max_prefixlen
        addresses.append(str(network.network_address if is_single else network))
    return addresses


def parse_names(comma_list: str) -> list[str]:
    """`model_limits`, a list with commas; each name once."""
    return list(dict.fromkeys(filter(None, map(str.strip, comma_list.split(",")))))


def from_unix(seconds: int) -> datetime | None:
    """`expired_time` as the source has it: -1 is never, and 0 is read as never too."""
    return None if seconds <= 0 else datetime.fromtimestamp(seconds, UTC)


def to_unix(moment: datetime | None) -> int:
    """A time as the source shows it; never is -1."""
    return NEVER if moment is None else int(moment.timestamp())
