"""What a relay knows, for tests: a caller, a price, channels, and a request on its way."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from services.relay.admission import Offer, dearest_tariffs, terms_of
from services.relay.books.prices import GroupRatioInForce, PriceInForce
from services.relay.books.routing import RoutingBook
from services.relay.callers.caller import ApiCaller
from services.relay.dialects.dialect import RequestFacts
from services.relay.exchange import Arrival, Exchange
from services.relay.group_terms import group_terms
from services.relay.health.keeper import ChannelHealth
from services.relay.health.rules import HealthLimits
from services.relay.leases.holds import Hold
from services.relay.leases.leasing import Lease, LeaseLimits
from services.relay.recording.completion import opening_json
from services.relay.recording.event_json import as_json
from shared.crypto.sealed import ChannelKeyBox
from shared.events.directory import Role, UserChanged, WorkspaceChanged
from shared.events.keys import KeyChanged
from shared.events.routing import (
    ChannelChanged,
    ChannelCredential,
    GroupChanged,
    ModelChanged,
    Status,
)
from shared.http.egress import EgressPolicy
from shared.money.price_ratios import PriceRatios

MODEL: Final = "gpt-4o-mini"
GROUP: Final = "default"
_BOX: Final = ChannelKeyBox(b"k" * 32)


def caller(
    *,
    key: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    workspace: dict[str, Any] | None = None,
) -> ApiCaller:
    values: dict[str, Any] = {"key_id": 70, "name": "laptop", "workspace_id": 7, "user_id": 700}
    user_values: dict[str, Any] = {"user_id": 700, "username": "ada", "role": Role.USER}
    user_values |= {"group": GROUP, "personal_workspace_id": 7, "status": Status.ENABLED}
    owned: dict[str, Any] = {"workspace_id": 7, "name": "Ada's", "slug": "ada"}
    owned |= {"owner_user_id": 700, "status": Status.ENABLED}
    return ApiCaller(
        key=KeyChanged(**{**values, "status": Status.ENABLED, **(key or {})}),
        user=UserChanged(**user_values | (user or {})),
        workspace=WorkspaceChanged(**owned | (workspace or {})),
        project_name=None,
        group=GROUP,
    )


def facts(**changes: Any) -> RequestFacts:
    values: dict[str, Any] = {
        "model": MODEL,
        "is_stream": False,
        "wants_usage": False,
        "answers": 1,
        "max_output_tokens": None,
        "text_bytes": 400,
        "media_count": 0,
    }
    return RequestFacts(**values | changes)


def arrival(**changes: Any) -> Arrival:
    unique = uuid.uuid4()
    values: dict[str, Any] = {
        "request_id": str(unique),
        "id_bytes": unique.bytes,
        "trace_id": "a" * 32,
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
        "started_at": datetime.now(UTC) - timedelta(milliseconds=5),
        "started": time.perf_counter(),
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_parameters": (),
        "client_address": "192.0.2.1",
        "user_agent": "test",
        "fitted": (),
    }
    return Arrival(**values | changes)


def price(**ratios: Any) -> PriceInForce:
    values: dict[str, Any] = {"model_ratio": Decimal(1), "completion_ratio": Decimal(2)}
    return PriceInForce(version=3, ratios=PriceRatios(**values | ratios), max_output_tokens=None)


def offer(
    *,
    of: PriceInForce | None = None,
    ratios: dict[str, GroupRatioInForce] | None = None,
    max_media_tokens: int = 500,
    **changes: Any,
) -> Offer:
    """What MODEL is to a caller; at a ratio of 1 in its group unless `ratios` says else."""
    in_force = of or price()
    of_groups = ratios or {GROUP: GroupRatioInForce(ratio=Decimal(1), is_for_user_group=False)}
    dearest = max(each.ratio for each in of_groups.values())
    return Offer(
        model=ModelChanged(
            name=MODEL,
            groups=(GROUP,),
            status=Status.ENABLED,
            max_output_tokens=1_000,
            max_media_tokens=max_media_tokens,
        ),
        model_json=as_json(MODEL),
        price=in_force,
        groups={group: group_terms(in_force, group, ratio) for group, ratio in of_groups.items()},
        dearest_group_ratio=dearest,
        dearest=dearest_tariffs(in_force, dearest),
        output_tokens=1_000,
        **changes,
    )


def exchange(
    *,
    request: RequestFacts | None = None,
    lease_id: str = "lease-1",
    offered: Offer | None = None,
    arrived: Arrival | None = None,
    by: ApiCaller | None = None,
    opening: dict[str, Any] | None = None,
    **changes: Any,
) -> Exchange:
    """An admitted request; `changes` are an Exchange's fields, `opening` those of its opening."""
    asked, arrived, by, offered = (
        request or facts(),
        arrived or arrival(),
        by or caller(),
        offered or offer(),
    )
    lease = Lease(lease_id=lease_id, subject="account:7", limits=LeaseLimits(), now=0)
    lease.held_units = 1_000
    holds = changes.pop("holds", (Hold(lease, 1_000),))
    told: dict[str, Any] = {
        "dialect": "openai",
        "model_json": as_json(asked.model),
        "is_stream": asked.is_stream,
        "request_bytes": asked.text_bytes,
        "holds": holds,
    }
    made = Exchange(
        arrival=arrived,
        caller=by,
        facts=asked,
        terms=terms_of(asked, offered),
        holds=holds,
        opening=opening_json(arrived, by, **told | (opening or {})),
        group_terms=offered.groups[by.group],
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def credentials(channel_id: int, count: int) -> tuple[ChannelCredential, ...]:
    """Keys `key-<channel>` and `key-<channel>-<number>`, with ids `<channel>0`, `<channel>1` …."""
    names = [f"key-{channel_id}", *(f"key-{channel_id}-{n}" for n in range(1, count))]
    return tuple(
        ChannelCredential(
            credential_id=channel_id * 10 + number,
            key_ciphertext=_BOX.seal(name, channel_id=channel_id),
            status=Status.ENABLED,
        )
        for number, name in enumerate(names)
    )


def channel(channel_id: int, **changes: Any) -> ChannelChanged:
    values: dict[str, Any] = {
        "channel_id": channel_id,
        "name": f"channel-{channel_id}",
        "provider": "simulator",
        "base_url": f"http://127.0.0.{channel_id}/v1",
        "key_ciphertext": _BOX.seal(f"key-{channel_id}", channel_id=channel_id),
        "models": (MODEL,),
        "groups": (GROUP,),
        "priority": -channel_id,
        "status": Status.ENABLED,
        "credentials": credentials(channel_id, 1),
    }
    return ChannelChanged(**values | changes)


def health(*channels: ChannelChanged, **changes: Any) -> ChannelHealth:
    """What a relay knows of these channels' health before it has called any."""
    values: dict[str, Any] = {"relay_id": "relay-a", "limits": HealthLimits(jitter=0.0)}
    made = ChannelHealth(**{**values, "changed": lambda _channel_id: None, **changes})
    for changed in channels:
        made.put_channel(changed)
    return made


def routing(*channels: ChannelChanged) -> RoutingBook:
    """A book in which lower channel ids are tried first, unless their priority says else."""
    book = RoutingBook(box=_BOX, egress=EgressPolicy(["127.0.0.0/8"]))
    book.put_group(GroupChanged(name=GROUP, status=Status.ENABLED))
    book.put_model(
        ModelChanged(
            name=MODEL,
            groups=(GROUP,),
            status=Status.ENABLED,
            max_output_tokens=1_000,
            max_media_tokens=500,
        )
    )
    for changed in channels:
        book.put_channel(changed)
    return book
