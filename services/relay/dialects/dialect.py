"""What a dialect is: the one place that knows how a family of clients and providers speaks.

A `Dialect` is a family: how keys are shown, which headers go on, how errors look. A `Call` is one
of its endpoints, in one module: its paths, what decides a request, usage, and the end of a stream.
The rest of the relay speaks of `RequestFacts`, `Usage` and `RelayError` only.
"""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol

from services.relay.dialects.tools_asked import HostedTools
from services.relay.errors import RelayError
from shared.events.requests import ErrorCode
from shared.events.usage import Usage


class RequestFacts(NamedTuple):
    """What decides a request, read from its body once."""

    model: str
    is_stream: bool
    wants_usage: bool
    """The client asked for the usage of its stream."""
    answers: int
    """prompts · max(n, best_of): how many answers may be charged."""
    max_output_tokens: int | None
    """The request's own bound for one answer; null where it names none."""
    text_bytes: int
    """The body's bytes without inline media, and what tools add to it unseen: never fewer than its
    tokens."""
    media_count: int
    """Images and other media, each of which counts up to the model's maximum: never fewer."""
    likely_media_count: int = 0
    """The same as it may well be: what an estimate goes by."""
    service_tier: str = ""
    """The tier of service that is asked for; empty: whichever the provider chooses."""
    is_free: bool = False
    """The call costs nothing, whatever the model's price: it does not ask the model."""
    hosted: HostedTools | None = None
    """Tools that the provider runs; null: none, as with nearly every request."""


class AnswerFacts(NamedTuple):
    """What a whole, plain answer tells."""

    usage: Usage | None
    """Null where the provider gave none, or none that can be."""
    content_bytes: int
    """Bytes of the answers' own text, to estimate by."""
    has_error: bool = False
    """The upstream told of a failure inside an answer with status 200."""


class AnswerMalformedError(Exception):
    """An answer that is not what the dialect says it is."""

    code: ClassVar[ErrorCode] = ErrorCode.UPSTREAM_MALFORMED


class AnswerTooLargeError(AnswerMalformedError):
    """An event that is longer than the gateway holds: a client can ask for one."""

    code = ErrorCode.ANSWER_TOO_LARGE


class StreamReader(Protocol):
    """Follows one stream. Bytes go in as they arrive and come out as the client shall have them."""

    usage: Usage | None
    """What all of it used, once the provider has told it."""
    told_input: Usage | None
    """The input side, where the provider tells it first: what a stream that is cut is charged by,
    with an estimate of its output."""
    is_ended: bool
    """The dialect's own end was seen; it is held back until `ending()`."""
    has_error: bool
    """The upstream told of an error inside the stream."""

    @property
    def content_bytes(self) -> int:
        """Bytes of the answers' own text that came so far."""

    @property
    def is_whole(self) -> bool:
        """Whether what came so far can be all of it: the end, or at least a reason to end."""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to pass on now; perhaps none. Raises AnswerTooLargeError."""

    def ending(self) -> bytes:
        """What is still to be passed on once the charge is safe: the end of the stream."""


class Dialect(Protocol):
    """A family of clients and providers."""

    name: str
    """The channels of this name serve its calls."""
    key_hint: str
    """How a key is sent, for a client that sent none."""
    upstream_id_header: str
    """Where a provider tells its own id of the request."""
    passed_headers: tuple[str, ...]
    """What an upstream may tell the client beside its body."""

    def shown_key(self, headers: Mapping[str, str]) -> str | None:
        """The API key that the client shows, without a scheme before it."""

    def forwarded(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Those of the client's headers that the provider must see. Raises RelayError 400."""

    def authorization(self, secret: str) -> tuple[str, str]:
        """The header by which a provider of this family knows the channel."""

    def answer_headers(self, request_id: str) -> Mapping[str, str]:
        """What its clients expect on every answer, beside `x-request-id`."""

    def is_error(self, body: bytes) -> bool:
        """Whether an upstream's error body is one that the dialect's clients understand."""

    def error_body(self, error: RelayError, request_id: str) -> bytes:
        """The error as the dialect's clients expect it."""

    def error_event(self, error: RelayError, request_id: str) -> bytes:
        """The same, as the last event of a stream that was cut."""


class Call(Protocol):
    """One endpoint of a dialect."""

    dialect: Dialect
    path: str
    """What clients call."""
    upstream_path: str
    """What is put after a channel's base URL."""

    def read_request(self, body: bytes) -> RequestFacts:
        """Raises RelayError 400."""

    def upstream_body(self, body: bytes, facts: RequestFacts, *, model: str) -> bytes:
        """The body to send on: `model` as the channel names it, usage asked for; else untouched.

        Tools that the provider runs get a bound where the client named none.
        """

    def read_answer(self, body: bytes) -> AnswerFacts:
        """Raises AnswerMalformedError."""

    def stream_reader(self, facts: RequestFacts) -> StreamReader:
        """A reader for one stream."""
