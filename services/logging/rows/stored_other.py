"""What of a request is in no column of its row, written small: every request pays for it. Pure.

What is as it usually is, and what the row says already, is left out; `other.py` puts it in again.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from services.logging.rows.logged_request import (
    NO_FIELDS,
    NOTHING,
    LoggedAttempt,
    LoggedRequest,
    LoggedUsage,
)
from shared.events.event import MalformedEventError
from shared.events.numbers import MAX_ID, MAX_TOKENS

_MAX_RATIO: Final = 1_000_000
_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]
_Code = Annotated[str, msgspec.Meta(max_length=64)]
_LEFT_OUT: Final = msgspec.UNSET


class LoggedRating(msgspec.Struct, frozen=True, gc=False):
    """The part of `Rating` that a row shows."""

    price_version: _Count
    model_ratio: Decimal
    completion_ratio: Decimal
    cache_ratio: Decimal
    cache_creation_ratio: Decimal
    image_ratio: Decimal
    audio_ratio: Decimal
    group_ratio: Decimal
    cache_creation_1h_ratio: Decimal | None = None
    user_group_ratio: Decimal | None = None
    model_price: Decimal | None = None
    output_audio_ratio: Decimal | None = None
    output_image_ratio: Decimal | None = None
    tier_above_tokens: Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)] | None = None
    service_tier: _Code = ""
    service_tier_ratio: Decimal = Decimal(1)
    tool_prices: dict[_Code, Decimal] = {}


RATING_IF_LEFT_OUT: Final[dict[str, object]] = {
    "model_ratio": 1.0,
    "completion_ratio": 1.0,
    "cache_ratio": 1.0,
    "cache_creation_ratio": 1.0,
    "cache_creation_1h_ratio": None,
    "image_ratio": 1.0,
    "audio_ratio": 1.0,
    "group_ratio": 1.0,
    "user_group_ratio": None,
    "model_price": None,
    "output_audio_ratio": None,
    "output_image_ratio": None,
    "tier_above_tokens": None,
    "service_tier": "",
    "service_tier_ratio": 1.0,
    "tool_prices": {},
}
"""What a figure of a price is where it is not written."""
USUAL_SOURCE: Final = "provider"
"""Where nearly all figures of use come from; not written either."""


class StoredOther(msgspec.Struct, kw_only=True, gc=False):
    """In the order in which it is written. Names as in the whole `other`, where that has them."""

    rating: msgspec.Raw | msgspec.UnsetType = _LEFT_OUT
    cache_tokens: int | msgspec.UnsetType = _LEFT_OUT
    cache_creation_tokens: int | msgspec.UnsetType = _LEFT_OUT
    cache_creation_1h_tokens: int | msgspec.UnsetType = _LEFT_OUT
    image_tokens: int | msgspec.UnsetType = _LEFT_OUT
    audio_tokens: int | msgspec.UnsetType = _LEFT_OUT
    reasoning_tokens: int | msgspec.UnsetType = _LEFT_OUT
    output_audio_tokens: int | msgspec.UnsetType = _LEFT_OUT
    output_image_tokens: int | msgspec.UnsetType = _LEFT_OUT
    tool_calls: msgspec.Raw | msgspec.UnsetType = _LEFT_OUT
    prompt_includes_cached: bool | msgspec.UnsetType = _LEFT_OUT
    is_model_mapped: bool | msgspec.UnsetType = _LEFT_OUT
    upstream_model_name: str | msgspec.UnsetType = _LEFT_OUT
    """Left out: the model that was asked for."""
    usage_source: str | msgspec.UnsetType = _LEFT_OUT
    client_disconnected: bool | msgspec.UnsetType = _LEFT_OUT
    suppressed_count: int | msgspec.UnsetType = _LEFT_OUT
    tags: dict[str, str] | msgspec.UnsetType = _LEFT_OUT
    attempts: tuple[LoggedAttempt, ...] | msgspec.UnsetType = _LEFT_OUT
    """One without a channel was at the row's own, which names channel, provider and model."""
    hold_quota: int | msgspec.UnsetType = _LEFT_OUT
    leases: tuple[msgspec.Raw, ...] | msgspec.UnsetType = _LEFT_OUT
    limits: tuple[msgspec.Raw, ...] | msgspec.UnsetType = _LEFT_OUT


_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode
_RATING: Final = msgspec.json.Decoder(LoggedRating)


def stored_other(request: LoggedRequest) -> str:
    """The JSON of the column. Raises MalformedEventError where the rating is none.

    Takes from the request's attempts what the row says: they are not to be used after that.
    """
    mapped_to = request.upstream_model
    stored = StoredOther(
        rating=_LEFT_OUT if request.rating == NOTHING else _short_rating(bytes(request.rating)),
        is_model_mapped=request.is_model_mapped or _LEFT_OUT,
        upstream_model_name=(
            _LEFT_OUT if mapped_to == request.requested_model else mapped_to or ""
        ),
        usage_source=(_LEFT_OUT if request.usage_source == USUAL_SOURCE else request.usage_source),
        client_disconnected=request.client_disconnected or _LEFT_OUT,
        suppressed_count=request.suppressed_count or _LEFT_OUT,
        tags=request.tags or _LEFT_OUT,
        attempts=_short_attempts(request) or _LEFT_OUT,
        hold_quota=request.hold_quota or _LEFT_OUT,
        leases=request.leases or _LEFT_OUT,
        limits=request.limits or _LEFT_OUT,
    )
    _add_usage(stored, request.usage)
    return _ENCODE(stored).decode()


def _add_usage(stored: StoredOther, usage: LoggedUsage) -> None:
    stored.cache_tokens = usage.cached_tokens or _LEFT_OUT
    stored.cache_creation_tokens = usage.cache_creation_tokens or _LEFT_OUT
    stored.cache_creation_1h_tokens = usage.cache_creation_1h_tokens or _LEFT_OUT
    stored.image_tokens = usage.image_tokens or _LEFT_OUT
    stored.audio_tokens = usage.audio_tokens or _LEFT_OUT
    stored.reasoning_tokens = usage.reasoning_tokens or _LEFT_OUT
    stored.output_audio_tokens = usage.output_audio_tokens or _LEFT_OUT
    stored.output_image_tokens = usage.output_image_tokens or _LEFT_OUT
    if usage.tool_calls != NO_FIELDS:
        stored.tool_calls = usage.tool_calls
    if not usage.prompt_includes_cached:
        stored.prompt_includes_cached = False


def _short_attempts(request: LoggedRequest) -> tuple[LoggedAttempt, ...]:
    """Changed where they stand: an event is read for its row alone."""
    for tried in request.attempts:
        if (
            tried.channel_id == request.channel_id
            and tried.channel_name == request.channel_name
            and tried.provider == request.provider
            and tried.provider_id == request.provider_id
            and tried.upstream_model == request.upstream_model
        ):
            tried.channel_id = tried.channel_name = tried.provider = None
            tried.provider_id = tried.upstream_model = None
    return request.attempts


@lru_cache(maxsize=4096)
def _short_rating(told: bytes) -> msgspec.Raw:
    """Without what is as usual. Thousands of requests share one rating."""
    try:
        rating = msgspec.structs.asdict(_RATING.decode(told))
    except msgspec.MsgspecError:
        raise MalformedEventError("rating") from None
    ratios = [ratio for ratio in rating.values() if isinstance(ratio, Decimal)]
    ratios += rating["tool_prices"].values()
    if not all(ratio.is_finite() and 0 <= ratio <= _MAX_RATIO for ratio in ratios):
        raise MalformedEventError("rating")
    short = {
        name: value
        for name, value in rating.items()
        if name not in RATING_IF_LEFT_OUT or value != RATING_IF_LEFT_OUT[name]
    }
    return msgspec.Raw(_ENCODE(short))
