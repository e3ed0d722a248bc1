"""OpenAI's usage, made sound: never negative, never more cached than there was, or not at all."""

from typing import Any

from services.relay.dialects.figures import sound_tokens
from shared.events.usage import Usage


def read_usage(reported: Any) -> Usage | None:
    """The usage, or null where none can be made of what was reported.

    Whole numbers in strings are taken (some providers write them so). A negative or impossibly
    large figure spoils all of it: the charge is then estimated, and says so.
    """
    if not isinstance(reported, dict):
        return None
    prompt = sound_tokens(reported.get("prompt_tokens"))
    completion = sound_tokens(reported.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    prompt_details = _details(reported, "prompt_tokens_details")
    completion_details = _details(reported, "completion_tokens_details")
    # More cached than prompt would make negative input.
    cached = min(prompt, sound_tokens(prompt_details.get("cached_tokens")) or 0)
    reasoning = sound_tokens(completion_details.get("reasoning_tokens")) or 0
    audio = sound_tokens(prompt_details.get("audio_tokens")) or 0
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        audio_tokens=min(prompt - cached, audio),
        reasoning_tokens=min(completion, reasoning),
    )


def _details(reported: dict[str, Any], name: str) -> dict[str, Any]:
    details = reported.get(name)
    return details if isinstance(details, dict) else {}
