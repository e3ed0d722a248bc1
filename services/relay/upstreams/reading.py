"""Reading a body whole, piece by piece."""

from services.relay.upstreams.upstream import UpstreamAnswer, UpstreamFailure
from shared.events.requests import ErrorCode


async def read_whole(answer: UpstreamAnswer, max_bytes: int) -> bytes:
    """The whole body; aborted where it is too large. Raises UpstreamFailure."""
    parts: list[bytes] = []
    size = 0
    while chunk := await answer.next_chunk():
        parts.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            answer.abort()
            raise UpstreamFailure(ErrorCode.ANSWER_TOO_LARGE)
    return parts[0] if len(parts) == 1 else b"".join(parts)
