"""What a message may not ask for: what the provider would run, keep, or charge apart, by itself.

Its results would be input that no hold covers, what it costs has no price here, and what it kept
would belong to the gateway's own account: nobody would know to which of its customers.
"""

from typing import Any, Final

from services.relay.errors import RelayError, invalid_request

_FIELDS: Final = {
    "mcp_servers": "has the provider call servers by itself",
    "container": "has the provider run code by itself",
    "thread": "has the provider keep the conversation",
    "fallbacks": "has another model answer, at another price",
    "compaction": "uses tokens beside the usage that the provider tells",
}
_ORDINARY: Final = "standard_only"
_USUAL: Final = {
    "speed": ("standard",),
    "inference_geo": ("global",),
    # `auto` is what the provider's organization has bought, as if nothing were asked for.
    "service_tier": ("auto", _ORDINARY),
}
"""Fields of which only these values cost what the price book says."""
DECIDING_FIELDS: Final = frozenset({*_FIELDS, *_USUAL, "context_management"})
DECIDING_INSIDE: Final = {"context_management": frozenset({"edits"})}
_COMPACTING: Final = "compact"


def refuse_unoffered(parsed: dict[str, Any]) -> None:
    """Raises RelayError 400, naming the field."""
    for name, why in _FIELDS.items():
        if parsed.get(name) not in (None, []):
            raise _refused(name, why)
    for name, usual in _USUAL.items():
        if parsed.get(name) is not None and parsed[name] not in usual:
            offered = " or ".join(f"`{value}`" for value in usual)
            raise _refused(name, f"has a price of its own, unless it is {offered}")
    managed = parsed.get("context_management")
    edits = managed.get("edits") if isinstance(managed, dict) else managed
    if edits is not None and not isinstance(edits, list):
        raise invalid_request(
            "`context_management` has the wrong type.", param="context_management"
        )
    for edit in edits or ():
        kind = edit.get("type") if isinstance(edit, dict) else None
        if not isinstance(kind, str) or kind.startswith(_COMPACTING):
            raise _refused("context_management", f"{_FIELDS['compaction']}, where it compacts")


def asked_tier(parsed: dict[str, Any]) -> str:
    """The tier of service, of a request that was not refused; empty where the provider chooses."""
    return _ORDINARY if parsed.get("service_tier") == _ORDINARY else ""


def _refused(name: str, why: str) -> RelayError:
    return invalid_request(f"`{name}` is not offered here: it {why}.", param=name)
