"""OpenAI's usage, made sound: never negative, never more cached than there was, or not at all."""

from typing import Any

from shared.events.numbers import MAX_TOKENS
from shared.events.usage import Usage


def read_usage(reported: Any) -> Usage | None:
    """The usage, or null where none can be made of what was reported.

    Whole numbers in strings are taken (some providers write them so). A negative or impossibly
    large figure spoils all of it: the charge is then estimated, and says so.
    """
    if not isinstance(reported, dict):
        return None
    prompt = _tokens(reported.get("prompt_tokens"))
    completion = _tokens(reported.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    prompt_details = _details(reported, "prompt_tokens_details")
    completion_details = _details(reported, "completion_tokens_details")
    # More cached than prompt would make negative input.
    cached = min(prompt, _tokens(prompt_details.get("cached_tokens")) or 0)
    reasoning = _tokens(completion_details.get("reasoning_tokens")) or 0
    audio = _tokens(prompt_details.get("audio_tokens")) or 0
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


def _tokens(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:  # noqa: PLR2004  # MAX_TOKENS has ten digits
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_TOKENS:
        return None
    return value
