"""What `/v1/responses` may not ask of a gateway that keeps nothing: a memory, and hosted tools.

A provider would keep a response, and go on from it, under the gateway's own account. Which of its
customers it belongs to, nobody would know.
"""

from typing import Any, Final

from services.relay.dialects.tools_as_written import tool_types
from services.relay.errors import RelayError, invalid_request

STATE: Final = frozenset({"previous_response_id", "conversation", "prompt"})
"""Fields that name what a provider kept."""
# These run at the client, or only give a name to what it runs. All others run at the provider, cost
# extra there, and have no price here.
_CLIENTS_TOOLS: Final = frozenset({"function", "custom", "local_shell", "apply_patch"})
_TYPE: Final = "type"


def refuse_state(parsed: dict[str, Any]) -> None:
    """Raises RelayError 400 where the request would begin or go on from something kept."""
    for name in STATE:
        if parsed.get(name) is not None:
            raise _refused(name, "names something that a provider would have kept")
    for name in ("store", "background"):
        value = parsed.get(name)
        if value is not None and not isinstance(value, bool):
            raise invalid_request(f"`{name}` must be a boolean.", param=name)
        if value:
            raise _refused(name, "would have the provider keep the answer")


def refuse_kept_items(items: Any) -> None:
    """Raises RelayError 400 where an input item refers to something kept, or brings tools."""
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict):
            continue
        # A reference may leave its type out; so may a message, which has a role.
        kind = item.get(_TYPE)
        if kind == "item_reference" or (kind is None and "role" not in item):
            raise _refused("input", "refers to an item that a provider would have kept")
        if "tools" in item:
            raise invalid_request("Tools may stand in `tools` only.", param="input")
        for name in ("content", "output"):
            parts = item.get(name)
            for part in parts if isinstance(parts, list) else (parts,):
                if isinstance(part, dict) and part.get("file_id") is not None:
                    raise _refused("input", "refers to a file that a provider would have kept")


def refuse_hosted_tools(body: bytes, parsed: dict[str, Any]) -> None:
    """Raises RelayError 400 for tools that the provider would run, and charge, by itself."""
    if not parsed.get("tools"):
        return
    for kind in tool_types(body):
        if not isinstance(kind, str) or kind not in _CLIENTS_TOOLS:
            raise invalid_request(
                "Only tools that the client runs are offered here: "
                + ", ".join(f"`{name}`" for name in sorted(_CLIENTS_TOOLS))
                + ".",
                param="tools",
            )


def _refused(name: str, why: str) -> RelayError:
    return invalid_request(f"`{name}` {why}: this gateway is stateless.", param=name)
