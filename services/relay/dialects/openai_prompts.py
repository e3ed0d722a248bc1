"""Prompts and inputs that may be a text, several, a list of tokens, or several of those."""

from typing import Any

from services.relay.errors import invalid_request


def count_prompts(value: Any, name: str) -> int:
    """How many there are, at least 1. Raises RelayError 400 for anything else.

    Their tokens need no count of their own: each takes at least two bytes of the body.
    """
    if isinstance(value, str):
        return 1
    if isinstance(value, list) and value:
        if _are_tokens(value):
            return 1
        if all(isinstance(item, str) for item in value) or all(map(_are_tokens, value)):
            return len(value)
    raise invalid_request(
        f"`{name}` must be a string, an array of strings, of tokens, or of arrays of tokens,"
        " and not empty.",
        param=name,
    )


def _are_tokens(value: Any) -> bool:
    """A list of whole numbers; quick to say no to anything else."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, int) and not isinstance(item, bool) for item in value)
    )
