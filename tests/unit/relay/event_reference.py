"""What an event must say, made by pydantic from the same things: slow, and plain to see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.relay.books.prices import GroupRatioInForce, PriceInForce
from services.relay.books.routing import Channel
from services.relay.callers.caller import ApiCaller
from services.relay.exchange import Arrival, AttemptMade, Charge, Ending, Exchange
from services.relay.leases.holds import Hold
from services.relay.recording.completion import opening_json
from services.relay.recording.event_json import as_json
from shared.events.requests import Attempt, LeaseUse, Outcome, Rating, RequestCompleted
from shared.money.price_ratios import PriceRatios, TierRatios

_MOST_ATTEMPTS = 16


@dataclass(kw_only=True)
class Opened:
    """What is known of a request before it is served or refused."""

    arrival: Arrival
    caller: ApiCaller
    dialect: str
    model: str | None
    is_stream: bool
    request_bytes: int
    holds: Sequence[Hold] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def written(self) -> str:
        """As the relay writes it."""
        return opening_json(
            self.arrival,
            self.caller,
            dialect=self.dialect,
            model_json=as_json(self.model),
            is_stream=self.is_stream,
            request_bytes=self.request_bytes,
            holds=self.holds,
            limits=self.limits,
            tags=self.tags,
        )

    def event(self, **rest: Any) -> RequestCompleted:
        """As pydantic says it."""
        arrival, caller = self.arrival, self.caller
        return RequestCompleted(
            request_id=arrival.request_id,
            workspace_id=caller.key.workspace_id,
            workspace_name=caller.workspace.name,
            project_id=caller.key.project_id,
            project_name=caller.project_name,
            key_id=caller.key.key_id,
            key_name=caller.key.name,
            user_id=caller.key.user_id,
            username=caller.user.username,
            user_group=caller.user.group,
            dialect=self.dialect,
            method=arrival.method,
            path=arrival.path,
            query_parameters=arrival.query_parameters,
            requested_model=self.model,
            is_stream=self.is_stream,
            request_bytes=self.request_bytes,
            started_at=arrival.started_at,
            client_address=arrival.client_address,
            user_agent=arrival.user_agent,
            fitted=arrival.fitted,
            parent_span_id=arrival.parent_span_id,
            origin=arrival.origin,
            request_host=arrival.request_host,
            client_retry_count=arrival.client_retry_count,
            tags=dict(self.tags),
            hold_quota=self.holds[0].units if self.holds else 0,
            leases=tuple(
                LeaseUse(lease_id=hold.lease.lease_id, subject=hold.lease.subject)
                for hold in self.holds
            ),
            **dict(self.limits),
            **rest,
        )


def answered(
    opened: Opened,
    going: Exchange,
    ending: Ending,
    charge: Charge,
    *,
    at: datetime,
    group: str,
    rating: Rating,
) -> RequestCompleted:
    """The event of an admitted request that was tried in `group` at last."""
    attempts, channel = going.attempts, going.channel
    upstream_model = attempts[-1].upstream_model if attempts else None
    gone = going.client_disconnected and ending.outcome is not Outcome.SUCCEEDED
    return opened.event(
        group=group,
        upstream_model=upstream_model,
        is_model_mapped=upstream_model not in (None, going.facts.model),
        **(_named(channel) if channel else {}),
        attempts=tuple(map(_attempt, attempts[:_MOST_ATTEMPTS])),
        upstream_request_id=going.upstream_request_id,
        outcome=ending.outcome,
        error_code=ending.error_code,
        http_status=499 if gone else ending.http_status,
        client_disconnected=going.client_disconnected,
        usage=charge.usage,
        usage_source=charge.source,
        quota=charge.quota_units,
        rating=rating,
        response_bytes=going.response_bytes,
        first_byte_at=going.first_byte_at,
        first_byte_ms=going.first_byte_ms,
        upstream_latency_ms=int(going.upstream_s * 1000) if attempts else None,
        completed_at=at,
        latency_ms=going.arrival.elapsed_ms(),
    )


def rating_of(
    price: PriceInForce, group_ratio: GroupRatioInForce, *, total_prompt: int, service_tier: str
) -> Rating:
    ratios: PriceRatios | TierRatios = price.ratios
    own, above, tier_ratio = price.ratios, None, Decimal(1)
    if own.model_price is None:
        for tier in own.tiers:
            if total_prompt > tier.above_prompt_tokens:
                ratios, above = tier, tier.above_prompt_tokens
        tier_ratio = own.service_tiers.get(service_tier, tier_ratio)
    is_in_tier = own.model_price is None and service_tier in own.service_tiers
    return Rating(
        price_version=price.version,
        model_ratio=ratios.model_ratio,
        completion_ratio=ratios.completion_ratio,
        cache_ratio=ratios.cache_ratio,
        cache_creation_ratio=ratios.cache_creation_ratio,
        cache_creation_1h_ratio=ratios.cache_creation_1h_ratio,
        image_ratio=own.image_ratio,
        audio_ratio=own.audio_ratio,
        group_ratio=group_ratio.ratio,
        user_group_ratio=group_ratio.ratio if group_ratio.is_for_user_group else None,
        model_price=own.model_price,
        output_audio_ratio=own.output_audio_ratio,
        output_image_ratio=own.output_image_ratio,
        tier_above_tokens=above,
        service_tier=service_tier if is_in_tier else "",
        service_tier_ratio=tier_ratio,
        tool_prices=dict(own.tool_prices),
    )


def _attempt(made: AttemptMade) -> Attempt:
    return Attempt(
        **_named(made.channel),
        credential_id=made.credential_id if made.credential_id > 0 else None,
        upstream_model=made.upstream_model,
        offset_ms=made.offset_ms,
        latency_ms=made.latency_ms,
        http_status=made.http_status,
        error_code=made.error_code,
    )


def _named(channel: Channel) -> dict[str, Any]:
    return {
        "channel_id": channel.channel_id,
        "channel_name": channel.name,
        "provider": channel.provider,
        "provider_id": channel.provider_id,
    }
