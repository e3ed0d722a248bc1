"""OpenAI's tools: which of them run at the client, and what they add to the input unseen.

All others run at the provider, bring in input that no hold covers, and cost extra there.
"""

from collections.abc import Set as AbstractSet
from typing import Any, Final

from services.relay.dialects.tools_as_written import tool_types
from services.relay.errors import invalid_request

_CHAT: Final = frozenset({"function", "custom"})
# Named by their type alone: the provider describes them to the model.
_DESCRIBED: Final = frozenset({"local_shell", "apply_patch"})
_RESPONSES: Final = _CHAT | _DESCRIBED
# As much as is held for each of Anthropic's own.
_HIDDEN_TOKENS: Final = 1_024


def refuse_chats_hosted_tools(body: bytes, parsed: dict[str, Any]) -> None:
    """Raises RelayError 400 for tools that the provider would run, and charge, by itself."""
    _clients_tools(body, parsed, _CHAT)


def hidden_tokens(body: bytes, parsed: dict[str, Any]) -> int:
    """The most that a response's tools can add to the input beyond their own bytes.

    Raises RelayError 400 as above.
    """
    kinds = _clients_tools(body, parsed, _RESPONSES)
    return _HIDDEN_TOKENS * sum(kind in _DESCRIBED for kind in kinds)


def _clients_tools(body: bytes, parsed: dict[str, Any], offered: AbstractSet[str]) -> list[str]:
    if not parsed.get("tools"):
        return []
    kinds = tool_types(body)
    for kind in kinds:
        if not isinstance(kind, str) or kind not in offered:
            raise invalid_request(
                "Only tools that the client runs are offered here: "
                + ", ".join(f"`{name}`" for name in sorted(offered))
                + ".",
                param="tools",
            )
    return kinds
