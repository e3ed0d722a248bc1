"""Whether there is anything to limit. Pure."""

from shared.events.limits import RequestLimits


def is_unlimited(limits: RequestLimits) -> bool:
    """Whether there is no limit at all in it."""
    return (
        limits.requests_per_minute is None
        and limits.tokens_per_minute is None
        and limits.concurrent_requests is None
    )
