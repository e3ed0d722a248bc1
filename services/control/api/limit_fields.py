"""The limits that bodies of requests set, with their bounds."""

from typing import Annotated, Final

from pydantic import Field

from services.control.api.requests import Body
from shared.events.limits import RateLimitStrategy, RequestLimits

MAX_REQUESTS: Final = 10**9
_MAX_TOKENS: Final = 10**12

Requests = Annotated[int, Field(ge=0, le=MAX_REQUESTS)]
"""0 lets nothing through."""
BucketSize = Annotated[int, Field(ge=1, le=MAX_REQUESTS)]


class LimitsBody(Body):
    """What a key, a group or its members may do at a time. Null: no such limit."""

    requests_per_minute: Requests | None = None
    tokens_per_minute: Annotated[int, Field(ge=0, le=_MAX_TOKENS)] | None = None
    concurrent_requests: Requests | None = None
    strategy: RateLimitStrategy = RateLimitStrategy.SLIDING_WINDOW
    bucket_size: BucketSize | None = None

    def as_json(self) -> str:
        """As the tables keep them."""
        return RequestLimits(**self.model_dump()).model_dump_json(exclude_none=True)


NO_LIMITS: Final = LimitsBody()
