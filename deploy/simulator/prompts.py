"""Prompts and inputs that may be a text, several, a list of tokens, or several of those."""

from collections.abc import Sequence
from typing import Any, Final

from deploy.simulator.errors import InvalidRequestError

_BYTES_PER_TOKEN: Final = 4

Prompt = str | Sequence[int]


def read_prompts(value: Any, name: str) -> list[Prompt]:
    """Each prompt by itself. Raises InvalidRequestError for anything else, and for none."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value:
        if all(isinstance(item, str) for item in value):
            return list(value)
        if _are_tokens(value):
            return [value]
        if all(isinstance(item, list) and item and _are_tokens(item) for item in value):
            return list(value)
    raise InvalidRequestError(f"'{name}' is invalid.", name)


def count_tokens(prompt: Prompt) -> int:
    """A list's own length; of a text a quarter of its bytes, rounded up, and at least 1."""
    if not isinstance(prompt, str):
        return len(prompt)
    return max(1, -(-len(prompt.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN))


def text_of(prompts: Sequence[Prompt]) -> str:
    """All that is text in them: where markers may stand."""
    return "\n".join(prompt for prompt in prompts if isinstance(prompt, str))


def _are_tokens(items: Sequence[Any]) -> bool:
    return all(isinstance(item, int) and not isinstance(item, bool) for item in items)
