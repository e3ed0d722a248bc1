"""What a dialect is: the one place that knows how a family of clients and providers speaks.

A dialect is one module with one class: its paths, what decides a request, usage, errors, and the
end of a stream. The rest of the relay speaks of `RequestFacts`, `Usage` and `RelayError` only.
"""

from typing import NamedTuple, Protocol

from services.relay.errors import RelayError
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
    """The body's bytes without inline media: never fewer than its tokens."""
    media_count: int
    """Images and other media, each of which counts up to the model's maximum."""


class AnswerFacts(NamedTuple):
    """What a whole, plain answer tells."""

    usage: Usage | None
    """Null where the provider gave none, or none that can be."""
    content_bytes: int
    """Bytes of the answers' own text, to estimate by."""


class AnswerMalformedError(Exception):
    """A plain answer that is not what the dialect says it is."""


class StreamReader(Protocol):
    """Follows one stream. Bytes go in as they arrive and come out as the client shall have them."""

    usage: Usage | None
    content_bytes: int
    is_ended: bool
    """The dialect's own end was seen; it is held back until `ending()`."""
    has_error: bool
    """The upstream told of an error inside the stream."""

    @property
    def is_whole(self) -> bool:
        """Whether what came so far can be all of it: the end, or at least a reason to end."""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to pass on now; perhaps none. Raises AnswerMalformedError (event too long)."""

    def ending(self) -> bytes:
        """What is still to be passed on once the charge is safe: the end of the stream."""


class Dialect(Protocol):
    """One dialect."""

    name: str

    def read_request(self, body: bytes) -> RequestFacts:
        """Raises RelayError 400."""

    def upstream_body(self, body: bytes, facts: RequestFacts, *, model: str) -> bytes:
        """The body to send on: `model` as the channel names it, usage asked for; else untouched."""

    def read_answer(self, body: bytes) -> AnswerFacts:
        """Raises AnswerMalformedError."""

    def stream_reader(self, facts: RequestFacts) -> StreamReader:
        """A reader for one stream."""

    def is_error(self, body: bytes) -> bool:
        """Whether an upstream's error body is one that the dialect's clients understand."""

    def error_body(self, error: RelayError, request_id: str) -> bytes:
        """The error as the dialect's clients expect it."""

    def error_event(self, error: RelayError, request_id: str) -> bytes:
        """The same, as the last event of a stream that was cut."""
