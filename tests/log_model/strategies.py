"""Rows, batches and filters for property tests: few names, and times that sit on borders.

    @given(batches(Span(begins_at, 3 * 86400)))
    def test_…(given: list[list[LogRow]]) -> None: …

A batch may repeat rows of an earlier one, as delivery does; the same id is always the same row.
"""

import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from hypothesis import strategies as st

from services.logging.listing.filters import Filters
from services.logging.rows.rows import LogRow

MODELS: Final = ("gpt-4o", "gpt-4o-mini", "claude_sonnet", "")
USERS: Final = ((700, "ada", 7), (701, "bob", 7), (800, "cai", 8))
"""Id, name, workspace."""
KEYS: Final = {
    700: ((70, "laptop"), (71, "default")),
    701: ((72, "default"),),
    800: ((80, "default"), (81, "")),
}
GROUPS: Final = ("default", "vip")
CHANNELS: Final = ((0, ""), (3, "primary"), (4, "spare"))
_FAILURES: Final = (
    ("failed", 502, "upstream_server_error", "The upstream failed"),
    ("failed", 504, "upstream_timeout", "The upstream did not answer in time"),
    ("rejected", 429, "rate_limited", "Too many requests"),
    ("interrupted", 499, None, "The request was interrupted"),
)
_BORDERS: Final = (60, 3600, 86400)


@dataclass(frozen=True)
class Span:
    """The time in which rows lie."""

    begins_at: int
    """Unix seconds."""
    length_s: int

    def times(self) -> st.SearchStrategy[int]:
        """Any second of it, those beside the borders of buckets more often."""
        end = self.begins_at + self.length_s - 1
        anywhere = st.integers(self.begins_at, end)
        on_border = st.builds(
            lambda second, border, off: min(
                end, max(self.begins_at, second // border * border + off)
            ),
            anywhere,
            st.sampled_from(_BORDERS),
            st.sampled_from((-1, 0, 1)),
        )
        return st.one_of(anywhere, on_border)


@st.composite
def request_rows(draw: st.DrawFn, span: Span) -> LogRow:
    """The row of a request that succeeded or did not, with all that usage is reckoned from."""
    user_id, username, workspace_id = draw(st.sampled_from(USERS))
    token_id, token_name = draw(st.sampled_from(KEYS[user_id]))
    channel_id, channel_name = draw(st.sampled_from(CHANNELS))
    failure = draw(st.one_of(st.none(), st.none(), st.sampled_from(_FAILURES)))
    outcome, status, code, content = failure or ("succeeded", 200, None, "API call succeeded")
    latency_ms = draw(st.one_of(st.integers(0, 50), st.integers(0, 120_000)))
    first_byte_ms = draw(st.one_of(st.none(), st.integers(0, latency_ms)))
    event_id = draw(_ids())
    return LogRow(
        event_id=event_id,
        workspace_id=workspace_id,
        user_id=user_id,
        created_at=draw(span.times()),
        type=4 if failure else 2,
        content=content,
        username=username,
        token_name=token_name,
        model_name=draw(st.sampled_from(MODELS)),
        quota=draw(st.integers(0, 1000)),
        prompt_tokens=draw(st.integers(0, 500)),
        completion_tokens=draw(st.integers(0, 500)),
        use_time=latency_ms // 1000,
        is_stream=draw(st.booleans()),
        channel_id=channel_id,
        channel_name=channel_name,
        token_id=token_id,
        group=draw(st.sampled_from(GROUPS)),
        request_id=event_id,
        upstream_request_id=draw(st.sampled_from(("", "req_1", "req_2"))),
        other=json.dumps(
            {
                "cache_tokens": draw(st.integers(0, 100)),
                "client_disconnected": draw(st.booleans()),
            }
        ),
        project_id=draw(st.sampled_from((None, 5))),
        provider_id=draw(st.sampled_from((None, 9))),
        outcome=outcome,
        status_code=status,
        error_code=code,
        latency_ms=latency_ms,
        upstream_latency_ms=draw(st.one_of(st.none(), st.integers(0, latency_ms))),
        first_byte_ms=first_byte_ms,
        request_size_bytes=draw(st.integers(0, 10_000)),
        response_size_bytes=draw(st.integers(0, 10_000)),
        rate_limited=status == 429,
    )


@st.composite
def refund_rows(draw: st.DrawFn, span: Span) -> LogRow:
    """What gives back a part of a charge, of an hour of its own."""
    user_id, username, workspace_id = draw(st.sampled_from(USERS))
    created_at = draw(span.times())
    return LogRow(
        event_id=draw(_ids()),
        workspace_id=workspace_id,
        user_id=user_id,
        created_at=created_at,
        type=draw(st.sampled_from((2, 4))),
        content="Refunded 5 quota ($0.000010)",
        username=username,
        model_name=draw(st.sampled_from(MODELS)),
        quota=-draw(st.integers(1, 500)),
        token_id=draw(st.sampled_from(KEYS[user_id]))[0],
        request_id=draw(_ids()),
        bucket_at=draw(st.integers(span.begins_at, created_at)),
    )


@st.composite
def other_rows(draw: st.DrawFn, span: Span) -> LogRow:
    """A top-up, an admin's action, or what the gateway did itself."""
    user_id, username, workspace_id = draw(st.sampled_from(USERS))
    kind = draw(st.sampled_from((1, 3, 5)))
    return LogRow(
        event_id=draw(_ids()),
        workspace_id=workspace_id,
        user_id=user_id,
        created_at=draw(span.times()),
        type=kind,
        content={1: "Topped up by 9 quota", 3: "key.create on key 4", 5: "channel.health"}[kind],
        username=username,
        quota=draw(st.integers(0, 500_000)) if kind == 1 else 0,
        request_id=draw(st.sampled_from(("", "asked-1"))),
    )


def rows(span: Span) -> st.SearchStrategy[LogRow]:
    """Any row; most are requests."""
    return st.one_of(request_rows(span), request_rows(span), refund_rows(span), other_rows(span))


@st.composite
def batches(draw: st.DrawFn, span: Span, *, most: int = 4, longest: int = 12) -> list[list[LogRow]]:
    """Batches in any order of time, in which earlier rows may come again."""
    known: dict[str, LogRow] = {}
    made: list[list[LogRow]] = []
    for _ in range(draw(st.integers(1, most))):
        drawn = draw(st.lists(rows(span), max_size=longest, unique_by=lambda row: row.event_id))
        batch = [known.setdefault(row.event_id, row) for row in drawn]
        if known:
            batch += draw(st.lists(st.sampled_from(list(known.values())), max_size=4))
        made.append(draw(st.permutations(batch)) if draw(st.booleans()) else batch)
    return made


def filters(span: Span) -> st.SearchStrategy[Filters]:
    """None, one or several at once, most of which some row meets; the range may be empty."""

    def some(*values: int | str) -> st.SearchStrategy[int | str | None]:
        return st.one_of(st.none(), st.none(), st.none(), st.sampled_from(values))

    def time() -> st.SearchStrategy[int | None]:
        return st.one_of(st.none(), span.times())

    return st.builds(
        Filters,
        user_id=some(*(each[0] for each in USERS)),
        username=some(*(each[1] for each in USERS), "nobody"),
        token_name=some("laptop", "default"),
        model_name=some("gpt-4o", "gpt%", "%_sonnet", "%o%m%", "nothing", "%"),
        channel_id=some(3, 4, 9),
        group=some(*GROUPS),
        type=some(1, 2, 3, 4, 5),
        start_timestamp=time(),
        end_timestamp=time(),
    )


def _ids() -> st.SearchStrategy[str]:
    return st.integers(1, 2**122).map(lambda number: str(UUID(int=number, version=4)))
