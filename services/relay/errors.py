"""What the relay answers when it does not pass an upstream's answer on.

    RelayError
    ├── (status 4xx)  the client's doing: bad request, key, balance, limits
    └── (status 5xx)  ours or an upstream's: no channel, no lease, a full journal

Each has a code of the closed set in the events, an HTTP status and a message. The dialect gives
them their shape.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from shared.events.requests import ErrorCode

_NOT_WHOLE: Final = {
    ErrorCode.UPSTREAM_MALFORMED: "The provider's answer is malformed.",
    ErrorCode.ANSWER_TOO_LARGE: (
        "The provider's answer is larger than this gateway passes on. Ask for less at once."
    ),
}


class RelayError(Exception):
    """An answer in the caller's dialect. The message never quotes what the client sent."""

    def __init__(
        self,
        code: ErrorCode,
        http_status: int,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.http_status = http_status
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.headers = headers


def invalid_request(message: str, *, param: str | None = None) -> RelayError:
    """400: the request cannot be read, or a field that decides is wrong."""
    return RelayError(ErrorCode.INVALID_REQUEST, 400, message, param=param)


def answer_not_whole(code: ErrorCode) -> RelayError:
    """502: an upstream's answer that was cut, cannot be read, or is too large."""
    return RelayError(code, 502, _NOT_WHOLE.get(code, "The provider's answer was cut off."))


def gateway_full() -> RelayError:
    """503: the journal has no room, or its disk is broken."""
    return RelayError(
        ErrorCode.JOURNAL_FULL,
        503,
        "The gateway cannot take new requests right now. Try again.",
        retry_after_s=5,
    )
