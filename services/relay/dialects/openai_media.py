"""Which media an OpenAI request has: how many they count, and which bytes are theirs.

A medium counts up to the model's `max_media_tokens`, an image's. A file has pages, each with its
image, and how many cannot be seen from outside, nor from its size (a PDF of 100 pages fits into
7 KiB, since a tree of pages may name one many times): it counts for as many as a request may have.
Audio counts by its size. A picture that stands still takes next to nothing of a video, so that no
size tells how long it is: it counts as a file does, and so does audio that is not inline.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

_CHAT_PARTS: Final = frozenset({"image_url", "input_audio", "audio_url", "file", "video_url"})
_INPUT_PARTS: Final = frozenset({"input_image", "input_audio", "input_file", "computer_screenshot"})
_FILES: Final = frozenset({"file", "input_file"})
_AUDIO: Final = frozenset({"input_audio", "audio_url"})
_VIDEO: Final = "video_url"
_SCHEME: Final = "://"
_SCHEME_WITHIN: Final = 8
# Where the items of a response hold their parts.
_HOLDERS: Final = ("content", "output")
_MAX_PAGES: Final = 100
"""Of all files together, by OpenAI's guide "PDF files"."""
# Of the formats, MP3 has the lowest rate: 8 kbit/s, 1,000 bytes/s, 1,334 bytes/s of base64; wav has
# eight times that. 32 KiB are 24.6 s at the most, and 787 tokens at 32 tokens/s (Google's models;
# OpenAI's make 10). One medium of 1,000 tokens, fewer than any image's maximum, covers that.
_BASE64_BYTES_A_CLIP: Final = 32 * 1024
# A page of dense text, and 49 s at 128 kbit/s.
_LIKELY_BYTES_A_PAGE: Final = 8 * 1024
_LIKELY_BYTES_A_CLIP: Final = 1024 * 1024


class Media(NamedTuple):
    """What a request has of them."""

    counted: int
    """Never fewer than there are."""
    likely: int
    """As many as there may well be."""
    inline_bytes: int


NO_MEDIA: Final = Media(0, 0, 0)


def media_of_messages(messages: list[Any]) -> Media:
    """The media of chat messages: each part holds its own under the name of its type."""
    parts = (part for message in messages for part in _parts(message, ("content",)))
    return media_of_parts(parts)


def media_of_parts(parts: Iterable[Any]) -> Media:
    """The media of parts as chat and moderations have them."""
    return _count((kind, part.get(kind)) for kind, part in _typed(parts) if kind in _CHAT_PARTS)


def media_of_items(items: list[Any]) -> Media:
    """The media of a response's input items: parts of messages, and of what tools gave back."""
    parts = (part for item in items for part in _parts(item, _HOLDERS))
    return _count((kind, part) for kind, part in _typed(parts) if kind in _INPUT_PARTS)


def _count(media: Iterable[tuple[str, Any]]) -> Media:
    others = likely = likely_pages = inline_bytes = 0
    has_file = False
    for kind, holder in media:
        size = _inline_bytes(holder)
        inline_bytes += size
        if kind in _FILES:
            likely_pages += max(1, -(-size // _LIKELY_BYTES_A_PAGE))
        else:
            likely += max(1, -(-size // _LIKELY_BYTES_A_CLIP)) if kind in _AUDIO else 1
        if kind in _FILES:
            has_file = True
        elif kind == _VIDEO or (kind in _AUDIO and not size):
            others += _MAX_PAGES
        elif kind in _AUDIO:
            others += -(-size // _BASE64_BYTES_A_CLIP)
        else:
            others += 1
    return Media(
        counted=others + (_MAX_PAGES if has_file else 0),
        likely=likely + min(likely_pages, _MAX_PAGES),
        inline_bytes=inline_bytes,
    )


def _parts(holder: Any, names: tuple[str, ...]) -> Iterator[Any]:
    if not isinstance(holder, dict):
        return
    for name in names:
        parts = holder.get(name)
        if isinstance(parts, list):
            yield from parts
        elif isinstance(parts, dict):
            yield parts


def _typed(parts: Iterable[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(kind, str):
            yield kind, part


def _inline_bytes(holder: Any) -> int:
    """The bytes that are the medium itself. Only what a provider would take for one counts."""
    if not isinstance(holder, dict):
        return 0
    inline = 0
    for name in ("url", "image_url"):
        url = holder.get(name)
        if isinstance(url, str) and url.startswith("data:"):
            inline += len(url)
    for name in ("data", "file_data"):
        value = holder.get(name)
        # Some providers take an address there as well.
        if isinstance(value, str) and value.isascii() and _SCHEME not in value[:_SCHEME_WITHIN]:
            inline += len(value)
    return inline + _inline_bytes(holder.get("input_audio"))
