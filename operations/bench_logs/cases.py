"""What the Log API is asked for: each call by itself, and with filters alone and together.

A case has several variants, asked in turn, so that no single page is all that is in memory.
"""

from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

from operations.bench_logs.asked import VARIANTS, Case, Known, users
from operations.bench_logs.calls import Call, key, user
from operations.seed_logs.population import population

LIST_MS: Final = 30.0
"""The target of lists, totals and statistics, p95."""
SEARCH_MS: Final = 100.0
_LOGS: Final = "/api/log/"
_STAT: Final = "/api/log/stat"
_SEARCH: Final = "/api/log/search"
_SIZE: Final = 20
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
NOTHING: Final = Call(_LOGS, {"request_id": "00000000-0000-7000-8000-000000000000"})
"""Who calls is known, one index is looked into, and there is nothing to tell: what others are
compared with."""


def log_cases(known: Known) -> list[Case]:
    """Of the Log API, in the order of the table."""
    return [
        *(Case(title, tuple(calls), LIST_MS) for title, calls in _lists(known)),
        *(Case(title, tuple(calls), LIST_MS) for title, calls in _statistics(known)),
        *(Case(title, tuple(calls), SEARCH_MS) for title, calls in _searches(known)),
    ]


def _lists(known: Known) -> Iterator[tuple[str, list[Call]]]:
    random = Random(1)  # noqa: S311 - which pages are asked for is no secret
    last = max(1, -(-known.total // _SIZE))

    def pages(up_to: int) -> list[int]:
        return [random.randint(max(1, up_to // 4), max(1, up_to)) for _ in range(VARIANTS)]

    yield "list: first page", [Call(_LOGS)]
    yield "list: a page far back", [Call(_LOGS, {"p": page}) for page in pages(last)]
    yield "list: the last page", [Call(_LOGS, {"p": last})]
    yield "list: beyond the last page", [Call(_LOGS, {"p": last * 2})]
    if known.cursors:
        yield "list: by cursor, far back", [Call(_LOGS, {"cursor": at}) for at in known.cursors]
    for title, given in _filters(known):
        yield f"list: {title}", [Call(_LOGS, each) for each in given]
    for title, given in _filters(known):
        deep = [each | {"p": random.randint(2, 50)} for each in given]
        yield f"list: {title}, page 2 to 50", [Call(_LOGS, each) for each in deep]
    for title, given in _ranges(known):
        yield f"list: {title}", [Call(_LOGS, each) for each in given]
    yield "list: request_id", [Call(_LOGS, {"request_id": each}) for each in known.request_ids]
    heavy, *others = users(known)
    own_last = max(1, known.own_total // _SIZE)
    yield "own list: heaviest user", [Call("/api/log/self", caller=user(heavy))]
    yield (
        "own list: heaviest user, far back",
        [Call("/api/log/self", {"p": page}, user(heavy)) for page in pages(own_last)],
    )
    yield "own list: others", [Call("/api/log/self", caller=user(each)) for each in others]
    yield "a key's 1,000 newest", [Call("/api/log/token", caller=key(each)) for each in others]


def _statistics(known: Known) -> Iterator[tuple[str, list[Call]]]:
    yield "stat: all", [Call(_STAT)]
    for title, given in (*_filters(known), *_ranges(known)):
        yield f"stat: {title}", [Call(_STAT, each) for each in given]
    own = [Call("/api/log/self/stat", caller=user(each)) for each in users(known)]
    yield "own stat", own


def _searches(known: Known) -> Iterator[tuple[str, list[Call]]]:
    for title, keyword in (
        ("what nearly all say", "succeeded"),
        ("an error", "did not answer"),
        ("an amount", "Refunded"),
        ("a model", "claude"),
        ("a rare model", "codestral-long"),
        ("a type", "error"),
        ("nothing", "no such thing"),
    ):
        yield f"search: {title}", [Call(_SEARCH, {"keyword": keyword})]
    given = [{"keyword": "failed", "username": each.name} for each in users(known)]
    yield "search: an error of one user", [Call(_SEARCH, each) for each in given]
    own = [Call("/api/log/self/search", {"keyword": "gpt"}, user(each)) for each in users(known)]
    yield "own search: a model", own


def _filters(known: Known) -> Iterable[tuple[str, list[dict[str, str | int]]]]:
    somebody = users(known)
    models = [each.name for each in population(users=1).models.things]
    return (
        ("username", [{"username": each.name} for each in somebody]),
        ("token_name", [{"token_name": each.keys[0].name} for each in somebody]),
        ("token_name, two of five keys", [{"token_name": "default"}]),
        ("model_name", [{"model_name": each} for each in models[:VARIANTS]]),
        ("model_name, wildcard", [{"model_name": "gpt%"}, {"model_name": "%-mini"}]),
        ("channel", [{"channel": number} for number in range(1, 13)]),
        ("group", [{"group": each} for each in ("default", "vip", "trial", "batch")]),
        ("type", [{"type": number} for number in (1, 2, 3, 4)]),
        ("type and model_name", [{"type": 4, "model_name": each} for each in models[:VARIANTS]]),
        (
            "group, channel and model_name",
            [{"group": "vip", "channel": 2, "model_name": each} for each in models[:VARIANTS]],
        ),
        ("username and type", [{"username": each.name, "type": 4} for each in somebody]),
        (
            "username, model_name and token_name",
            [
                {
                    "username": each.name,
                    "model_name": models[0],
                    "token_name": each.keys[0].name,
                }
                for each in somebody
            ],
        ),
    )


def _ranges(known: Known) -> Iterable[tuple[str, list[dict[str, str | int]]]]:
    history = known.history
    random = Random(2)  # noqa: S311 - which times are asked for is no secret
    somebody = users(known)

    def odd_days(days: int) -> list[dict[str, str | int]]:
        """Spans that begin and end within an hour."""
        latest = max(history.begins_at, history.until - days * _DAY)
        begins = [random.randint(history.begins_at, latest) for _ in range(VARIANTS)]
        return [
            {"start_timestamp": begin, "end_timestamp": begin + days * _DAY + 1234}
            for begin in begins
        ]

    days, weeks = odd_days(1), odd_days(7)
    return (
        ("the last 15 minutes", [{"start_timestamp": history.until - 900}]),
        ("a day, from and to within an hour", days),
        ("a week, from and to within an hour", weeks),
        (
            "a week of one user",
            [span | {"username": each.name} for span, each in zip(weeks, somebody, strict=False)],
        ),
        (
            "a week of one model and group",
            [span | {"model_name": "gpt-4o", "group": "vip"} for span in weeks],
        ),
    )
