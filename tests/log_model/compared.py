"""A row of `usage_hourly` or `usage_daily`, held against the model's."""

from collections.abc import Mapping
from typing import Any, Final

from services.logging.sketches.sketch import Sketch
from tests.log_model.usage import Usage, is_near

_COUNTED: Final = (
    *("request_count", "success_count", "error_count", "rate_limited_count", "cache_hit_count"),
    *("timeout_count", "error_4xx_count", "error_5xx_count", "suppressed_count"),
    *("disconnected_count", "retried_count", "total_upstream_latency_ms", "total_request_bytes"),
    *("total_response_bytes", "total_tokens_input", "total_tokens_output", "total_tokens_cached"),
    *("quota", "returned_quota"),
)
_SHARES: Final = (0, 0.5, 0.95, 0.99, 0.999, 1)


def usage_differences(found: Mapping[str, Any], used: Usage) -> list[str]:
    """What is not as it has to be: what is counted is equal, percentiles are within their bound."""
    latencies = used.latencies_ms
    exact = {name: getattr(used, name) for name in _COUNTED} | {
        "total_latency_ms": sum(latencies),
        "min_latency_ms": min(latencies, default=None),
        "max_latency_ms": max(latencies, default=None),
    }
    if "peak_hour" in found and used.peak_hour is not None:
        exact |= dict(zip(("peak_hour", "peak_hour_requests"), used.peak_hour, strict=True))
    differences = [
        f"{name} is {found[name]}, not {value}"
        for name, value in exact.items()
        if found[name] != value
    ]
    for name, quantile in (("latency", used.latency_ms), ("first_byte", used.first_byte_ms)):
        sketch = Sketch.from_bytes(found[name])
        differences += [
            f"{name}'s quantile {share} is {sketch.quantile(share)}, not {quantile(share)}"
            for share in _SHARES
            if not is_near(sketch.quantile(share), quantile(share))
        ]
    return differences
