from typing import Any

from services.relay.limits.book import LimitBook
from shared.events.limits import LimitChanged, RateLimitStrategy, RequestLimits
from shared.events.routing import GroupChanged, Status
from tests.unit.relay.made import GROUP, caller

_TEN = RequestLimits(requests_per_minute=10)


def _group(**changes: Any) -> GroupChanged:
    return GroupChanged(**{"name": GROUP, "status": Status.ENABLED, **changes})


def _rule(limit_id: int = 5, **changes: Any) -> LimitChanged:
    values: dict[str, Any] = {"limit_id": limit_id, "workspace_id": 7, "name": "r", "requests": 9}
    values |= {"window_ms": 1000, "strategy": RateLimitStrategy.FIXED_WINDOW}
    return LimitChanged(**values | changes)


def _names(book: LimitBook, path: str = "/v1/embeddings", **key: Any) -> list[str]:
    limits = book.limits(caller(key=key), method="POST", path=path)
    return [limit.name for limit in limits]


def test_who_has_no_limit_has_none() -> None:
    book = LimitBook()
    book.put_group(_group())
    assert _names(book) == []


def test_all_that_fit_are_applied_the_workspace_s_of_the_highest_priority_first() -> None:
    book = LimitBook()
    book.put_group(_group(limits=_TEN, member_limits=_TEN))
    book.put_limit(_rule(1, priority=-1))
    book.put_limit(_rule(2, priority=5))
    book.put_limit(_rule(3, path_pattern="/v1/chat/*"))
    book.put_limit(_rule(4, workspace_id=8))
    assert _names(book, limits=_TEN) == [
        "workspace:2",
        "workspace:1",
        "key:requests",
        "member:requests",
        "group:requests",
    ]


def test_members_are_counted_by_workspace_and_the_group_as_a_whole() -> None:
    book = LimitBook()
    book.put_group(_group(limits=_TEN, member_limits=_TEN))
    subjects = [
        tuple(limit.subject for limit in book.limits(who, method="POST", path="/v1/x"))
        for who in (caller(), caller(key={"workspace_id": 8}))
    ]
    assert subjects[0][0] != subjects[1][0]
    assert subjects[0][1] == subjects[1][1]


def test_the_newest_state_counts_and_what_is_gone_limits_nobody() -> None:
    book = LimitBook()
    book.put_limit(_rule(1))
    book.put_limit(_rule(1, workspace_id=8))
    assert _names(book) == []
    for gone in (_rule(2, is_deleted=True), _rule(2, is_active=False)):
        book.put_limit(_rule(2))
        assert _names(book) == ["workspace:2"]
        book.put_limit(gone)
        assert _names(book) == []
    book.put_group(_group(limits=_TEN))
    assert _names(book) == ["group:requests"]
    book.put_group(_group(limits=_TEN, is_deleted=True))
    assert _names(book) == []


def test_tombstones_take_away_what_they_name_and_nothing_else() -> None:
    book = LimitBook()
    book.put_limit(_rule(1))
    book.put_limit(_rule(2))
    book.put_group(_group(member_limits=_TEN))
    for key in ("limit:1", "limit:77", "limit:x", "channel:2", "model:gpt"):
        book.forget(key)
    assert _names(book) == ["workspace:2", "member:requests"]
    book.forget(f"group:{GROUP}")
    book.forget("limit:2")
    assert _names(book) == []
