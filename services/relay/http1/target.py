"""Where a URL leads: the peer to connect to, and what stands in the request's first lines."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

_PORTS: Final = {"http": 80, "https": 443}
# What may stand in a request line; a percent sign is one that was already encoded.
_UNTOUCHED: Final = "%/:?@!$&'()*+,;=-._~[]"


class Origin(NamedTuple):
    """What connections are shared by. `host` is ASCII, in lower case."""

    is_tls: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart."""

    origin: Origin
    host_header: str
    path: str
    """With the query; never empty."""


@lru_cache(maxsize=1024)
def target_of(url: str) -> Target:
    """Raises ValueError where it is no http or https URL with a host, or carries a user's name."""
    if not url.isprintable():
        raise ValueError("a URL may not have control characters")
    parts = urlsplit(url)
    port = _PORTS.get(parts.scheme)
    if port is None or not parts.hostname or parts.username is not None:
        raise ValueError("an http or https URL with a host is needed")
    host = _ascii(parts.hostname)
    named = f"[{host}]" if ":" in host else host
    if parts.port is not None and parts.port != port:
        port = parts.port
        named = f"{named}:{port}"
    path = quote(parts.path or "/", safe=_UNTOUCHED)
    if parts.query:
        path = f"{path}?{quote(parts.query, safe=_UNTOUCHED)}"
    return Target(
        origin=Origin(is_tls=parts.scheme == "https", host=host, port=port),
        host_header=named,
        path=path,
    )


def _ascii(host: str) -> str:
    if not host.isascii():
        return host.encode("idna").decode()
    if any(character in host for character in " /\\@<>\"'"):
        raise ValueError("not a host")
    return host
