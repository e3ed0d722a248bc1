"""One request on one page, for people. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from operations.explain.reading import Explanation, Told
from shared.money.quota import to_cents

_CENTS_PER_DOLLAR = 100


def page(told: Explanation) -> Iterator[str]:
    """Its lines."""
    yield f"request {told.request_id}"
    if told.request is None:
        yield "  no log row: it is not written yet, or was deleted; what billing knows follows"
    else:
        yield from _request(told.request)
        yield from _attempts(told.request["attempts"])
        yield from _limits(told.request["limits"])
        yield from _hold(told.request["hold"], told.leases)
    yield from _charge(told.request, told.entry)


def _request(request: Told) -> Iterator[str]:
    ended = f"{request['outcome']}, {request['http_status']}, {request['latency_ms']} ms"
    if request["first_byte_ms"]:
        ended += f" (first byte after {request['first_byte_ms']} ms)"
    yield _line("ended", f"{_time(request['created_at'])}: {ended}")
    why = f" ({request['error_code']})" if request["error_code"] else ""
    yield _line("said", request["content"] + why)
    yield _line(
        "who",
        f"{request['username']} (user {request['user_id']}), key {request['token_name']}"
        f" ({request['token_id']}), group {request['group']}, from {request['ip'] or 'nowhere'}",
    )
    kind = "a stream" if request["is_stream"] else "no stream"
    served = f"{request['model_name'] or 'a model that is not configured'}, {kind}"
    if request["is_model_mapped"]:
        served += f", as {request['upstream_model_name']}"
    yield _line("call", f"{request['request_path']}: {served}")
    if request["stream_status"]:
        yield _line("stream", request["stream_status"])
    if request["tags"]:
        yield _line("tags", ", ".join(f"{name}={value}" for name, value in request["tags"].items()))
    if request["upstream_request_id"]:
        yield _line("upstream id", request["upstream_request_id"])
    if request["same_upstream_id"]:
        yield _line("also so called", ", ".join(request["same_upstream_id"]))
    yield _line("trace", request["trace"] or "none")


def _attempts(attempts: Sequence[Told]) -> Iterator[str]:
    yield f"attempts: {len(attempts) or 'none'}"
    for number, tried in enumerate(attempts, start=1):
        credential = f", credential {tried['credential_id']}" if tried.get("credential_id") else ""
        ended = tried.get("error_code") or "answered"
        status = f" {tried['http_status']}" if tried.get("http_status") else ""
        yield (
            f"  {number}. after {tried.get('offset_ms')} ms, for {tried.get('latency_ms')} ms:"
            f" {tried.get('channel_name')} (channel {tried.get('channel_id')},"
            f" {tried.get('provider')}, {tried.get('upstream_model')}{credential}): {ended}{status}"
        )


def _limits(limits: Sequence[Told]) -> Iterator[str]:
    if limits:
        yield "limits"
    for limit in limits:
        back = f", all of it back at {limit['reset_at']}" if limit.get("reset_at") else ""
        yield f"  {limit['limit']}: {limit['remaining']} of {limit['allowed']} left{back}"


def _hold(hold: Told, leases: Sequence[Told]) -> Iterator[str]:
    quota = hold["quota"]
    yield f"hold: {'not known' if quota is None else _money(quota)}"
    now = {lease["lease_id"]: lease for lease in leases}
    for used in hold["leases"]:
        stands = _stands(now.get(used["lease_id"]))
        yield f"  of lease {used['lease_id']}, {used['subject']}{stands}"


def _stands(lease: Told | None) -> str:
    if lease is None:
        return " (billing does not have it)"
    return (
        f": {'open' if lease['is_open'] else 'closed'} now, granted {lease['granted_total']},"
        f" used {lease['used_total']}, charged {lease['charged_total']}"
    )


def _charge(request: Told | None, entry: Told | None) -> Iterator[str]:
    yield "charge" if request is None else f"charge: {_money(request['charge']['quota'])}"
    if request is not None:
        counted = {name: count for name, count in request["usage"].items() if _is_count(count)}
        used = ", ".join(f"{name} {count}" for name, count in counted.items()) or "nothing"
        yield _line("used", f"{used} (usage: {request['usage']['source']})")
        ratios = request["charge"]["ratios"]
        if ratios is not None:
            yield _line("formula", request["charge"]["formula"])
            yield _line("prices", f"version {ratios['price_version']}")
    if entry is None:
        yield _line("ledger", _no_entry(request))
        return
    yield _line(
        "ledger",
        f"entry {entry['entry_id']} of workspace {entry['workspace_id']}:"
        f" {entry['balance_before_units']} -> {entry['balance_after_units']}"
        f" ({entry['amount_units']:+})",
    )
    if entry["excess_units"]:
        yield _line("excess", f"{entry['excess_units']} above what was set aside")


def _no_entry(request: Told | None) -> str:
    is_due = request is None or request["charge"]["quota"] or request["outcome"] == "succeeded"
    if is_due:
        return "NO ENTRY: billing has not charged it yet, or reconcile will name it"
    return "no entry: it neither succeeded nor cost anything"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _line(name: str, text: str) -> str:
    return f"  {name:<15}{text}"


def _money(quota_units: int) -> str:
    return f"{quota_units} quota (${to_cents(quota_units) / _CENTS_PER_DOLLAR:.6f})"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
