"""The upstream half: one small interface, so that the client behind it can be exchanged.

UpstreamFailure
├── .code UPSTREAM_CONNECTION   nothing was sent, or nothing came back
├── .code UPSTREAM_TIMEOUT      no answer, or no next byte, in time
├── .code UPSTREAM_CUT          the answer ended before its end
├── .code UPSTREAM_MALFORMED    the answer cannot be understood
└── .code ANSWER_TOO_LARGE      the answer is larger than its reader takes: no fault of the channel
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from shared.events.requests import ErrorCode


class UpstreamFailure(Exception):  # noqa: N818  # a failure of another's, not an error of ours
    """The upstream did not answer, or not to the end."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


class UpstreamCall(NamedTuple):
    """One call. `headers` hold a secret."""

    url: str
    headers: tuple[tuple[str, str], ...]
    """The channel's authorization, and what of the client's goes on."""
    body: bytes
    traceparent: str
    accept: str
    pool: int = 0
    """Whose connections carry it: the channel's id. Limits hold for each by itself."""
    proxy_url: str | None = None
    """The outgoing proxy that it goes through; may carry a user name and a password."""
    http2: bool = False
    """Whether it goes over HTTP/2, where the peer agrees."""


class BodySink(Protocol):
    """Takes an answer's body as it arrives, in the callback that read it. No method may raise.

    Each may call the answer's `pause`, `resume`, `abort` and `release`.
    """

    def received(self, data: bytes) -> None:
        """What comes next, never empty: one piece for one read, decoded where it was compressed."""

    def ended(self) -> None:
        """The whole body came. Once, and the last call."""

    def failed(self, code: ErrorCode) -> None:
        """Nothing more comes. Once, and the last call; not after `abort` or `release`."""


class UpstreamAnswer(Protocol):
    """An answer whose head has come. Read it to its end, or abort it.

    Its body is pulled, by `next_chunk` and `read`, or from some moment on passed to a sink.
    """

    status: int
    headers: Mapping[str, str]

    async def next_chunk(self) -> bytes:
        """The bytes that come next; empty at the end. Raises UpstreamFailure."""

    async def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises UpstreamFailure, also where it is larger than `max_bytes`."""

    def pass_to(self, sink: BodySink) -> None:
        """From here on the body goes to `sink`; `next_chunk` and `read` may not be called any more.

        What is there already is handed over inside this call, the end or the failure included.
        """

    def pause(self) -> None:
        """Pass nothing more on, not the end either, and read nothing more of the upstream.

        What one read has brought is held, and no more. The upstream's silence does not count
        meanwhile. Idempotent.
        """

    def resume(self) -> None:
        """Read on; what was held is passed on, perhaps inside this call. Idempotent."""

    def abort(self) -> None:
        """Close the connection without reading the rest. Idempotent."""

    def release(self) -> None:
        """The body was read to its end: the connection may be used again. Idempotent."""


class Upstream(Protocol):
    """Something that can send a call."""

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        """Send the call and wait for the answer's head. Raises UpstreamFailure."""
