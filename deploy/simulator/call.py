"""What one call of the provider's surface is: a function that reads its body."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.sse import Payload
from deploy.simulator.usage import Usage


class Prepared(NamedTuple):
    """An answer that is ready to be sent: `sent` is a whole body, or the events of a stream."""

    answer_id: str | None
    usage: Usage
    sent: bytes | Iterable[Payload]


class Asked(NamedTuple):
    """What every call asks, and how it is answered."""

    model: str
    stream: bool
    prompt: str
    """The text in which markers may stand, and which errors repeat on demand."""
    answer: Callable[[Behaviour, bytes], Prepared]
    """Makes the answer; the bytes are the error for the middle of a stream, if that was asked."""


# Reads a request's body. Raises InvalidRequestError for what the dialect refuses.
ReadCall = Callable[[Any], Asked]
