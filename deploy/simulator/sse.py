"""Server-sent events: how a payload is framed."""

from typing import Final, NamedTuple

from deploy.simulator.misbehaviour import Behaviour

DONE: Final = b"[DONE]"


class NamedEvent(NamedTuple):
    """An event with a name of its own (`event:`), as some calls have them."""

    name: str
    data: bytes


Payload = bytes | NamedEvent


def framed(payload: Payload, behaviour: Behaviour) -> bytes:
    """A payload as a server-sent event, with CRLF and comments if they were asked."""
    end = b"\r\n" if behaviour.crlf_events else b"\n"
    if isinstance(payload, NamedEvent):
        event = b"event: " + payload.name.encode() + end + b"data: " + payload.data + end + end
    else:
        event = b"data: " + payload + end + end
    return b": keep-alive" + end + end + event if behaviour.comments_and_keepalives else event
