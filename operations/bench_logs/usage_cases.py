"""What is asked for of requests one by one, and of what was used in all."""

from collections.abc import Iterator
from typing import Final

from operations.bench_logs.asked import Case, Known, users
from operations.bench_logs.calls import Call, user

_REQUESTS: Final = "/api/requests"
_DAY: Final = 24 * 3600
_LIST_MS: Final = 30.0


def usage_cases(known: Known) -> list[Case]:
    """In the order of the table."""
    return [
        *(Case(title, tuple(calls), _LIST_MS) for title, calls in _requests(known)),
        *(Case(title, tuple(calls)) for title, calls in _usage(known)),
    ]


def _requests(known: Known) -> Iterator[tuple[str, list[Call]]]:
    until, everybody = known.history.until, users(known)
    yield "requests: first page", [Call(_REQUESTS)]
    yield "requests: 5xx", [Call(_REQUESTS, {"status": "5xx"})]
    yield (
        "requests: an error code, a week",
        [Call(_REQUESTS, {"error_code": "upstream_timeout", "from": until - 7 * _DAY})],
    )
    yield "requests: a user", [Call(_REQUESTS, {"user_id": each.id}) for each in everybody]
    yield (
        "requests: a user and a model",
        [Call(_REQUESTS, {"user_id": each.id, "model": "gpt-4o"}) for each in everybody],
    )
    yield "requests: slow ones", [Call(_REQUESTS, {"min_latency_ms": 20_000})]
    yield "requests: one's own", [Call(_REQUESTS, caller=user(each)) for each in everybody]
    yield "requests: one", [Call(f"{_REQUESTS}/{each}") for each in known.request_ids]
    yield (
        "requests: by the upstream's id",
        [Call(_REQUESTS, {"upstream_request_id": each}) for each in known.upstream_request_ids],
    )


def _usage(known: Known) -> Iterator[tuple[str, list[Call]]]:
    until, everybody = known.history.until, users(known)
    week, month = {"from": until - 7 * _DAY}, {"from": until - 30 * _DAY}
    hourly: dict[str, str | int] = {"interval": "hour"}
    yield "usage: series, a week by hour", [Call("/api/usage/series", week | hourly)]
    yield "usage: series, a month by day", [Call("/api/usage/series", month)]
    yield (
        "usage: series of the ten largest models",
        [Call("/api/usage/series", month | {"by": "model"})],
    )
    yield (
        "usage: series of one's own, a week by hour",
        [Call("/api/usage/series", week | hourly, user(each)) for each in everybody],
    )
    for by in ("model", "user", "key"):
        yield f"usage: top ten by {by}, a month", [Call("/api/usage/top", month | {"by": by})]
    yield "usage: summary of a month", [Call("/api/usage/summary", month)]
    yield "usage: latency, a week by hour", [Call("/api/usage/latency", week | hourly)]
    yield (
        "usage: one's own latency, a month by day",
        [Call("/api/usage/latency", month, user(each)) for each in everybody],
    )
    yield "usage: hourly rows, first page", [Call("/api/usage/hourly")]
    yield "usage: daily rows, first page", [Call("/api/usage/daily")]
