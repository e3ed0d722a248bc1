"""The bytes of a request's head."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from services.relay.http1.target import target_of
from services.relay.upstreams.upstream import UpstreamCall

_REMEMBERED: Final = 1024
_START: Final = (
    "POST {path} HTTP/1.1\r\n"
    "Host: {host}\r\n"
    "{headers}"
    "Content-Type: application/json\r\n"
    "Accept: {accept}\r\n"
    "Accept-Encoding: identity\r\n"
    "traceparent: "
)


class RequestHeads:
    """Writes heads. Of those written last it remembers what calls to one channel have in common."""

    def __init__(self) -> None:
        # Not the module's: it holds secrets, and lives as long as the client that uses it.
        self._start: Callable[[str, tuple[tuple[str, str], ...], str], bytes] = lru_cache(
            _REMEMBERED
        )(_start_of)

    def head(self, call: UpstreamCall) -> bytes:
        """All before the body. Raises ValueError where a value would break out of its header."""
        traceparent = call.traceparent
        if not traceparent.isprintable():
            raise ValueError("a header's value may not have control characters")
        return b"%b%b\r\nContent-Length: %d\r\n\r\n" % (
            self._start(call.url, call.headers, call.accept),
            traceparent.encode(),
            len(call.body),
        )


def _start_of(url: str, headers: tuple[tuple[str, str], ...], accept: str) -> bytes:
    target = target_of(url)
    # Of what is printable nothing ends a line. The target's own parts are checked in `target_of`.
    lines = [f"{name}: {value}" for name, value in headers]
    if not "".join((*lines, accept)).isprintable():
        raise ValueError("a header's value may not have control characters")
    return _START.format(
        path=target.path,
        host=target.host_header,
        headers="".join([line + "\r\n" for line in lines]),
        accept=accept,
    ).encode()
