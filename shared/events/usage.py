"""What a request used, by kind."""

from enum import StrEnum

from pydantic import Field

from shared.events.event import Event
from shared.events.numbers import Count, Tokens
from shared.events.text import Code


class UsageSource(StrEnum):
    """Where the figures come from."""

    PROVIDER = "provider"
    ESTIMATED = "estimated"
    NONE = "none"


class Usage(Event):
    """Tokens by kind, as the provider counts them. 0 is none."""

    TYPE = "ledgerline.usage.v1"

    prompt_tokens: Tokens = 0
    """All of the input. Whether cached tokens are among them, `prompt_includes_cached` says."""
    completion_tokens: Tokens = 0
    """All of the output, reasoning included."""
    cached_tokens: Tokens = 0
    """Input read from the provider's cache."""
    cache_creation_tokens: Tokens = 0
    """Input written to the provider's cache."""
    cache_creation_1h_tokens: Tokens = 0
    """The part of `cache_creation_tokens` that is kept for an hour; the rest for five minutes."""
    image_tokens: Tokens = 0
    """Input images, where they are priced apart."""
    audio_tokens: Tokens = 0
    """Input audio, where it is priced apart."""
    reasoning_tokens: Tokens = 0
    """The part of the output that was reasoning."""
    prompt_includes_cached: bool = True
    """OpenAI's counts include the cached tokens, Anthropic's leave them out."""
    output_audio_tokens: Tokens = 0
    """The part of the output that was audio, where it is priced apart."""
    output_image_tokens: Tokens = 0
    """The part of the output that was images, where they are priced apart."""
    tool_calls: dict[Code, Count] = Field(default_factory=dict, max_length=16)
    """How often the provider ran each of its own tools, such as `web_search`."""
    service_tier: Code = ""
    """The tier of service that the provider says it served with; empty: the ordinary one, or it
    did not say."""
