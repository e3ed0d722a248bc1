"""Anything that an event may be made of, up to its longest and largest, for property tests."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from services.relay.books.prices import GroupRatioInForce, PriceInForce
from services.relay.books.routing import Channel, Credential
from services.relay.callers.caller import ApiCaller
from services.relay.exchange import Arrival, AttemptMade, Charge, Ending
from services.relay.leases.holds import Hold
from services.relay.leases.leasing import Lease, LeaseLimits
from shared.events.directory import Role, UserChanged, WorkspaceChanged
from shared.events.keys import KeyChanged
from shared.events.limits import LimitUse
from shared.events.numbers import MAX_BYTES, MAX_ID, MAX_QUOTA_UNITS, MAX_TOKENS
from shared.events.requests import ErrorCode, Outcome
from shared.events.routing import Status
from shared.events.usage import Usage, UsageSource
from shared.money.price_ratios import PriceRatios, TierRatios
from tests.unit.relay.made import arrival

NASTY: Final = "\"\\/{}%,:'\x80\x9f\xa0é\u2028\u2029\ufeff\ufffd\uffff\U0001f600\U0010ffff"
"""All of it is allowed in a name, and some of it is written otherwise in JSON."""
STOPPED_S: Final = 100_000.0
"""What `perf_counter` says while a test is on."""
_CHARACTERS: Final = st.one_of(
    st.sampled_from(NASTY),
    st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]),
)
_WORD: Final = st.sampled_from("abcXYZ019_.:-")


def texts(max_size: int, characters: SearchStrategy[str] = _CHARACTERS) -> SearchStrategy[str]:
    """Up to `max_size`, which comes often."""
    longest = characters.map(lambda character: character * max_size)
    return st.one_of(st.text(characters, max_size=min(max_size, 12)), longest)


NAMES: Final = texts(128)
LINES: Final = texts(256)
CODES: Final = texts(64, _WORD)
IDS: Final = st.one_of(st.integers(1, 99), st.integers(1, MAX_ID))
COUNTS: Final = st.integers(0, MAX_ID)
QUOTA: Final = st.integers(0, MAX_QUOTA_UNITS)
BYTES: Final = st.integers(0, MAX_BYTES)
MS: Final = st.integers(0, 10**10)
STATUSES: Final = st.integers(100, 999)
ERROR_CODES: Final = st.sampled_from([None, *ErrorCode])
TIMES: Final = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # the zone is drawn beside it
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
UNSET_CLOCK: Final = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
RATIOS: Final = st.one_of(
    st.decimals(0, 1_000_000, places=9, allow_nan=False),
    st.sampled_from([Decimal("1E+3"), Decimal("1E-9"), Decimal(0), Decimal("0E-9")]),
)


def maybe(values: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.one_of(st.none(), values)


ARRIVALS: Final[SearchStrategy[Arrival]] = st.fixed_dictionaries(
    {
        "started_at": st.one_of(TIMES, st.just(UNSET_CLOCK)),
        "started": st.floats(0, STOPPED_S),
        "method": CODES,
        "path": LINES,
        "query_parameters": st.lists(CODES, max_size=16).map(tuple),
        "client_address": texts(64),
        "user_agent": LINES,
        "fitted": st.lists(CODES, max_size=32).map(tuple),
        "parent_span_id": maybe(CODES.filter(bool)),
        "origin": LINES,
        "request_host": LINES,
        "client_retry_count": maybe(COUNTS),
    }
).map(lambda drawn: arrival(**drawn))


@st.composite
def callers(draw: st.DrawFn) -> ApiCaller:
    group, workspace_id, user_id = draw(NAMES), draw(IDS), draw(IDS)
    key = KeyChanged(
        key_id=draw(IDS),
        name=draw(NAMES),
        workspace_id=workspace_id,
        project_id=draw(maybe(IDS)),
        user_id=user_id,
        status=Status.ENABLED,
        unlimited_quota=draw(st.booleans()),
    )
    user = UserChanged(
        user_id=user_id,
        username=draw(NAMES),
        role=Role.USER,
        group=draw(NAMES),
        personal_workspace_id=workspace_id,
        status=Status.ENABLED,
    )
    workspace = WorkspaceChanged(
        workspace_id=workspace_id,
        name=draw(NAMES),
        slug="w",
        owner_user_id=user_id,
        status=Status.ENABLED,
    )
    return ApiCaller(
        key=key, user=user, workspace=workspace, project_name=draw(maybe(NAMES)), group=group
    )


CHANNELS: Final[SearchStrategy[Channel]] = st.builds(
    Channel,
    channel_id=IDS,
    priority=st.just(0),
    weight=st.just(1),
    name=NAMES,
    provider=NAMES,
    provider_id=maybe(IDS),
    base_url=st.just("http://127.0.0.1"),
    credentials=st.just((Credential(0, "k"),)),
    model_mapping=st.just({}),
)
ATTEMPTS: Final[SearchStrategy[list[AttemptMade]]] = st.lists(
    st.builds(
        AttemptMade,
        channel=CHANNELS,
        credential_id=st.one_of(st.just(0), IDS),
        upstream_model=NAMES,
        offset_ms=MS,
        latency_ms=MS,
        http_status=maybe(STATUSES),
        error_code=ERROR_CODES,
    ),
    max_size=3,
).flatmap(lambda few: st.sampled_from([list(few), few * 5, few * 13, few[:1] * 40]))
_TOKENS: Final = st.one_of(st.integers(0, 9), st.integers(0, MAX_TOKENS), st.just(MAX_TOKENS))
_NO_TOKENS: Final[dict[str, SearchStrategy[Any]]] = {
    "prompt_includes_cached": st.booleans(),
    "tool_calls": st.dictionaries(CODES, COUNTS, max_size=16),
    "service_tier": st.one_of(CODES, st.sampled_from(["default", "standard", "priority"])),
}
USAGES: Final[SearchStrategy[Usage]] = st.fixed_dictionaries(
    {name: _NO_TOKENS.get(name, _TOKENS) for name in Usage.model_fields}
).map(Usage.model_validate)
CHARGES: Final = st.builds(Charge, QUOTA, USAGES, st.sampled_from(UsageSource), st.just("null"))
"""The rating is that of the price."""
ENDINGS: Final = st.builds(Ending, st.sampled_from(Outcome), STATUSES, ERROR_CODES)
PRICES: Final[SearchStrategy[PriceInForce]] = st.builds(
    PriceInForce,
    version=COUNTS,
    max_output_tokens=st.none(),
    ratios=st.builds(
        PriceRatios,
        model_ratio=RATIOS,
        completion_ratio=RATIOS,
        cache_ratio=RATIOS,
        cache_creation_ratio=RATIOS,
        cache_creation_1h_ratio=maybe(RATIOS),
        image_ratio=RATIOS,
        audio_ratio=RATIOS,
        model_price=maybe(RATIOS),
        output_audio_ratio=maybe(RATIOS),
        output_image_ratio=maybe(RATIOS),
        tiers=st.dictionaries(
            st.integers(0, MAX_TOKENS),
            st.builds(
                TierRatios,
                above_prompt_tokens=st.just(0),
                model_ratio=RATIOS,
                completion_ratio=RATIOS,
                cache_ratio=RATIOS,
                cache_creation_ratio=RATIOS,
                cache_creation_1h_ratio=maybe(RATIOS),
            ),
            max_size=8,
        ).map(
            lambda drawn: tuple(
                replace(drawn[above], above_prompt_tokens=above) for above in sorted(drawn)
            )
        ),
        service_tiers=st.dictionaries(CODES.filter(bool), RATIOS, max_size=8),
        tool_prices=st.dictionaries(CODES, RATIOS, max_size=16),
    ),
)
GROUP_RATIOS: Final = st.builds(GroupRatioInForce, RATIOS, st.booleans())


def _lease(lease_id: str, subject: str) -> Lease:
    return Lease(lease_id=lease_id, subject=subject, limits=LeaseLimits(), now=0)


HOLDS: Final[SearchStrategy[tuple[Hold, ...]]] = st.lists(
    st.builds(
        Hold,
        st.builds(
            Lease, lease_id=CODES, subject=CODES, limits=st.just(LeaseLimits()), now=st.just(0)
        ),
        QUOTA,
        maybe(IDS),
    ),
    max_size=2,
).map(tuple)
TAGS: Final = st.dictionaries(CODES, LINES, max_size=10)
LIMITS: Final[SearchStrategy[dict[str, Any]]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "rate_limited": st.booleans(),
            "rate_limit_remaining": COUNTS,
            "rate_limit_reset_at": maybe(TIMES),
            "limits": st.lists(
                st.fixed_dictionaries(
                    {
                        "limit": CODES,
                        "allowed": COUNTS,
                        "remaining": COUNTS,
                        "reset_at": maybe(TIMES),
                    }
                ),
                max_size=8,
            ),
        }
    ),
)
"""What `limits.telling.event_fields` tells; nothing where there are none."""
assert set(LimitUse.model_fields) == {"limit", "allowed", "remaining", "reset_at"}
