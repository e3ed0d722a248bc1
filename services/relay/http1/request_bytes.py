"""The bytes of a request's head."""

from typing import Final

from services.relay.http1.target import Target
from services.relay.upstream import UpstreamCall

_HEAD: Final = (
    "POST {path} HTTP/1.1\r\n"
    "Host: {host}\r\n"
    "{headers}"
    "Content-Type: application/json\r\n"
    "Accept: {accept}\r\n"
    "Accept-Encoding: identity\r\n"
    "traceparent: {traceparent}\r\n"
    "Content-Length: {length}\r\n"
    "\r\n"
)


def request_head(target: Target, call: UpstreamCall) -> bytes:
    """All before the body. Raises ValueError where a value would break out of its header."""
    # Of what is printable nothing ends a line. The target's own parts are checked in `target_of`.
    headers = [f"{name}: {value}" for name, value in call.headers]
    if not "".join((*headers, call.accept, call.traceparent)).isprintable():
        raise ValueError("a header's value may not have control characters")
    return _HEAD.format(
        path=target.path,
        host=target.host_header,
        headers="".join([header + "\r\n" for header in headers]),
        accept=call.accept,
        traceparent=call.traceparent,
        length=len(call.body),
    ).encode()
