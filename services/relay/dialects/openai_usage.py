"""OpenAI's usage, made sound: never negative, never more cached than there was, or not at all."""

from typing import Any

from services.relay.dialects.figures import sound_tier, sound_tokens
from services.relay.dialects.openai_tools_run import tool_calls
from shared.events.usage import Usage


def read_usage(answer: dict[str, Any]) -> Usage | None:
    """What an answer, or an event of a stream, says that all of it used; null: none that can be.

    Whole numbers in strings are taken (some providers write them so). A negative or impossibly
    large figure spoils all of it: the charge is then estimated, and says so.
    """
    tier = answer.get("service_tier")
    return _read(
        answer.get("usage"), "prompt_tokens", "completion_tokens", sound_tier(tier) if tier else ""
    )


def read_responses_usage(response: dict[str, Any]) -> Usage | None:
    """The same of a whole response, which has other names for it, and the provider's tools."""
    tier = sound_tier(response.get("service_tier"))
    usage = _read(response.get("usage"), "input_tokens", "output_tokens", tier)
    calls = tool_calls(response)
    return usage.model_copy(update={"tool_calls": calls}) if usage and calls else usage


def read_embeddings_usage(reported: Any) -> Usage | None:
    """The same of `/v1/embeddings`, which have no output."""
    if not isinstance(reported, dict):
        return None
    prompt = sound_tokens(reported.get("prompt_tokens"))
    return None if prompt is None else Usage(prompt_tokens=prompt)


def _read(reported: Any, prompt_name: str, completion_name: str, tier: str) -> Usage | None:
    if not isinstance(reported, dict):
        return None
    prompt = sound_tokens(reported.get(prompt_name))
    completion = sound_tokens(reported.get(completion_name))
    if prompt is None or completion is None:
        return None
    used: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
    if tier:
        used["service_tier"] = tier
    # Mostly all parts are 0: then nothing is made of them.
    parts = reported.get(f"{prompt_name}_details")
    if isinstance(parts, dict) and any(parts.values()):
        used |= _input_parts(prompt, parts)
    parts = reported.get(f"{completion_name}_details")
    if isinstance(parts, dict) and any(parts.values()):
        used |= _output_parts(completion, parts)
    return Usage(**used)


def _input_parts(prompt: int, told: dict[str, Any]) -> dict[str, int]:
    # More cached than prompt would make negative input; so would parts that are more than it.
    cached = min(prompt, sound_tokens(told.get("cached_tokens")) or 0)
    written = min(prompt - cached, sound_tokens(told.get("cache_write_tokens")) or 0)
    left = prompt - cached - written
    audio = min(left, sound_tokens(told.get("audio_tokens")) or 0)
    return {
        "cached_tokens": cached,
        "cache_creation_tokens": written,
        "audio_tokens": audio,
        "image_tokens": min(left - audio, sound_tokens(told.get("image_tokens")) or 0),
    }


def _output_parts(completion: int, told: dict[str, Any]) -> dict[str, int]:
    audio = min(completion, sound_tokens(told.get("audio_tokens")) or 0)
    return {
        "reasoning_tokens": min(completion, sound_tokens(told.get("reasoning_tokens")) or 0),
        "output_audio_tokens": audio,
        "output_image_tokens": min(completion - audio, sound_tokens(told.get("image_tokens")) or 0),
    }
