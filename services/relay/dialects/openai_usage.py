"""OpenAI's usage, made sound: never negative, never more cached than there was, or not at all."""

from typing import Any

from services.relay.dialects.figures import sound_tokens
from shared.events.usage import Usage


def read_usage(reported: Any) -> Usage | None:
    """The usage, or null where none can be made of what was reported.

    Whole numbers in strings are taken (some providers write them so). A negative or impossibly
    large figure spoils all of it: the charge is then estimated, and says so.
    """
    return _read(reported, "prompt_tokens", "completion_tokens")


def read_responses_usage(reported: Any) -> Usage | None:
    """The same of `/v1/responses`, which has other names for it."""
    return _read(reported, "input_tokens", "output_tokens")


def read_embeddings_usage(reported: Any) -> Usage | None:
    """The same of `/v1/embeddings`, which have no output."""
    if not isinstance(reported, dict):
        return None
    prompt = sound_tokens(reported.get("prompt_tokens"))
    return None if prompt is None else Usage(prompt_tokens=prompt)


def _read(reported: Any, prompt_name: str, completion_name: str) -> Usage | None:
    if not isinstance(reported, dict):
        return None
    prompt = sound_tokens(reported.get(prompt_name))
    completion = sound_tokens(reported.get(completion_name))
    if prompt is None or completion is None:
        return None
    prompt_details = reported.get(f"{prompt_name}_details")
    completion_details = reported.get(f"{completion_name}_details")
    if prompt_details is None and completion_details is None:
        return Usage(prompt_tokens=prompt, completion_tokens=completion)
    prompt_details, completion_details = _details(prompt_details), _details(completion_details)
    # More cached than prompt would make negative input; so would parts that are more than it.
    cached = min(prompt, sound_tokens(prompt_details.get("cached_tokens")) or 0)
    written = sound_tokens(prompt_details.get("cache_write_tokens")) or 0
    written = min(prompt - cached, written)
    audio = sound_tokens(prompt_details.get("audio_tokens")) or 0
    reasoning = sound_tokens(completion_details.get("reasoning_tokens")) or 0
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_creation_tokens=written,
        audio_tokens=min(prompt - cached - written, audio),
        reasoning_tokens=min(completion, reasoning),
    )


def _details(details: Any) -> dict[str, Any]:
    return details if isinstance(details, dict) else {}
