"""Why a charge is what it is: everything that it was reckoned from, told whole. Pure.

A charge from before entries kept what they were reckoned from has only what the ledger says: the
rest of its answer is null.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from shared.money.formula import formula
from shared.money.rated_event import counts_of_usage, rated_with
from shared.money.rating import UnitCounts, rate

_OF_ENTRY: Final = (
    *("request_id", "entry_id", "workspace_id", "key_id", "user_id", "model", "amount_units"),
    *("balance_before_units", "balance_after_units", "excess_units", "posted_at"),
)
_OF_DETAIL: Final = (
    *("username", "group", "project_id", "provider_id", "provider", "upstream_model", "outcome"),
    *("started_at", "hold_quota"),
)
_OF_ATTEMPT: Final = (
    *("provider", "provider_id", "upstream_model", "offset_ms", "latency_ms", "http_status"),
    "error_code",
)
_OF_ATTEMPT_FOR_ADMINS: Final = ("channel_id", "channel_name", "credential_id")


class KeptCharge(NamedTuple):
    """A charge's entry, and what it was reckoned from."""

    entry: Mapping[str, Any]
    detail: Mapping[str, Any]
    """Empty: it was charged before entries kept it."""
    rating: Mapping[str, Any] | None
    """As its event had it; None: it was not rated."""
    changes: Sequence[Mapping[str, Any]]
    """The refunds and adjustments of it, in order."""
    budgets: Sequence[Mapping[str, Any]]
    """Those that it counts to."""


def explain(kept: KeptCharge, *, is_admin: bool) -> dict[str, Any]:
    """The answer to `GET /api/billing/charges/{request_id}`.

    Channels and their credentials are told to admins only.
    """
    entry, detail, rating, changes, budgets = kept
    charged = -entry["amount_units"]
    given_back = sum(change["amount_units"] for change in changes)
    admins_part = {"channel_id": detail.get("channel_id")} if is_admin else {}
    return {
        **{name: entry[name] for name in _OF_ENTRY},
        **{name: detail.get(name) for name in _OF_DETAIL},
        **admins_part,
        **_reckoned(charged, detail, rating),
        "attempts": [_tried(tried, is_admin=is_admin) for tried in detail.get("attempts", ())],
        "source": {**_source(entry, detail), "budgets": list(budgets)},
        "refunds": _of_kind("refund", changes),
        "adjustments": _of_kind("adjustment", changes),
        "net_units": charged - given_back,
        "prev_hash": entry["prev_hash"],
        "entry_hash": entry["entry_hash"],
    }


def _reckoned(
    charged: int, detail: Mapping[str, Any], rating: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What was used, at which ratios, and the sum; null where there is nothing to add up."""
    usage = detail.get("usage")
    told = {
        "inputs": None if usage is None else _inputs(counts_of_usage(usage)),
        "usage_source": detail.get("usage_source"),
        "ratios": rating,
        "price_version": None if rating is None else rating["price_version"],
    }
    is_uncounted = charged == 0 and detail.get("usage_source") == "none"
    if usage is None or rating is None or is_uncounted:
        return {**told, "formula": None, "rated_quota": None, "is_rated_same": None}
    units, was = counts_of_usage(usage), rated_with(rating)
    rated = rate(units, was.price, was.group_ratio, was.service_tier_ratio)
    text = formula(
        units,
        was.price,
        was.group_ratio,
        service_tier=was.service_tier,
        service_tier_ratio=was.service_tier_ratio,
    )
    return {**told, "formula": text, "rated_quota": rated, "is_rated_same": rated == charged}


def _inputs(units: UnitCounts) -> dict[str, Any]:
    """By kind, as the formula names them; `tools` by the provider's tool."""
    return {**units._asdict(), "tools": dict(units.tools)}


def _of_kind(kind: str, changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in change.items() if name != "kind"}
        for change in changes
        if change["kind"] == kind
    ]


def _tried(tried: Mapping[str, Any], *, is_admin: bool) -> dict[str, Any]:
    names = _OF_ATTEMPT + _OF_ATTEMPT_FOR_ADMINS if is_admin else _OF_ATTEMPT
    return {name: tried.get(name) for name in names}


def _source(entry: Mapping[str, Any], detail: Mapping[str, Any]) -> dict[str, Any]:
    """Where the money came from: what grants paid first, the rest from the balance."""
    grants = detail.get("sources", [])
    from_grants = sum(grant["units"] for grant in grants)
    return {
        "account": entry["workspace_id"],
        "key_id": entry["key_id"],
        "grants": grants,
        "balance_units": -entry["amount_units"] - from_grants,
        "leases": detail.get("leases", []),
    }
