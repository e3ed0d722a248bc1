"""What OpenAI's calls may not ask of a gateway that keeps nothing: a memory.

A provider would keep a response, and go on from it, under the gateway's own account. Which of its
customers it belongs to, nobody would know.
"""

from typing import Any, Final

from services.relay.errors import RelayError, invalid_request

STATE: Final = frozenset({"previous_response_id", "conversation", "prompt"})
"""Fields that name what a provider kept."""
_TYPE: Final = "type"


def refuse_state(parsed: dict[str, Any]) -> None:
    """Raises RelayError 400 where the request would begin or go on from something kept."""
    for name in STATE:
        if parsed.get(name) is not None:
            raise _refused(name, "names something that a provider would have kept")
    for name in ("store", "background"):
        refuse_keeping(parsed, name)
    if parsed.get("context_management") not in (None, []):
        raise invalid_request(
            "`context_management` is not offered here: compacting uses tokens beside the usage that"
            " the provider tells.",
            param="context_management",
        )


def refuse_keeping(parsed: dict[str, Any], name: str) -> None:
    """Raises RelayError 400 where that field would have the answer kept, or is no boolean."""
    value = parsed.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid_request(f"`{name}` must be a boolean.", param=name)
    if value:
        raise _refused(name, "would have the provider keep the answer")


def refuse_kept_parts(messages: list[Any]) -> None:
    """Raises RelayError 400 where a chat message refers to a file or to speech that was kept."""
    for message in messages:
        if not isinstance(message, dict):
            continue
        audio = message.get("audio")
        if isinstance(audio, dict) and audio.get("id") is not None:
            raise _refused(
                "messages[].audio.id", "refers to speech that a provider would have kept"
            )
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            file = part.get("file") if isinstance(part, dict) else None
            if isinstance(file, dict) and file.get("file_id") is not None:
                raise _refused("file_id", "refers to a file that a provider would have kept")


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


def _refused(name: str, why: str) -> RelayError:
    return invalid_request(f"`{name}` {why}: this gateway is stateless.", param=name)
