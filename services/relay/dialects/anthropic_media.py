"""Which media an Anthropic request has: how many they count, and which bytes are theirs.

A medium counts up to the model's `max_media_tokens`, which is set for one page of a document: its
text and its image. An image is never more than that. How many pages a document has cannot be seen
from outside, nor from its size (a PDF of 100 pages fits into 7 KiB, since a tree of pages may name
one many times): a document counts for as many as can be.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

MAX_PAGES: Final = 130
"""Of all documents together: more do not fit into the largest context window of a million tokens,
at 3,000 tokens of text and 4,784 of image each."""
_LIKELY_BYTES_A_PAGE: Final = 8 * 1024
"""A page of dense text."""
# What holds blocks inside of a block: tool results, results of server tools, documents of blocks.
_HOLDERS: Final = ("content", "source")
_MAX_DEPTH: Final = 8


class Media(NamedTuple):
    """What a request has of them."""

    counted: int
    """Never fewer than there are."""
    likely: int
    """As many as there may well be."""
    inline_bytes: int


def media_of(messages: list[Any]) -> Media:
    """The media of all messages."""
    images = likely_pages = inline_bytes = 0
    for block in _media_blocks(messages, _MAX_DEPTH):
        source = block.get("source")
        size, kind = 0, None
        if isinstance(source, dict):
            kind = source.get("type")
            data = source.get("data")
            # Anything else than base64 is text, and counts as such.
            if kind == "base64" and isinstance(data, str) and data.isascii():
                size = len(data)
        inline_bytes += size
        if block["type"] == "image":
            images += 1
        elif kind not in {"text", "content"}:
            likely_pages += max(1, -(-size // _LIKELY_BYTES_A_PAGE))
    return Media(
        counted=images + (MAX_PAGES if likely_pages else 0),
        likely=images + min(likely_pages, MAX_PAGES),
        inline_bytes=inline_bytes,
    )


def _media_blocks(holders: list[Any], depth: int) -> Iterator[dict[str, Any]]:
    """Blocks of type `image` and `document`, wherever the dialect has blocks; never tool inputs."""
    for holder in holders:
        if not isinstance(holder, dict):
            continue
        if holder.get("type") in ("image", "document"):
            yield holder
        for name in _HOLDERS:
            inner = holder.get(name)
            if isinstance(inner, (list, dict)) and depth:
                blocks = inner if isinstance(inner, list) else [inner]
                yield from _media_blocks(blocks, depth - 1)
