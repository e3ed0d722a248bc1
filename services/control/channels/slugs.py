"""Short names for addresses. Pure."""

import re
import unicodedata
from typing import Final

MAX_SLUG: Final = 64
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")
_FALLBACK: Final = "provider"


def slug_of(name: str) -> str:
    """A name in small letters, digits and hyphens, never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NOT_SLUG.sub("-", plain)[:MAX_SLUG].strip("-") or _FALLBACK


def numbered(slug: str, number: int) -> str:
    """The slug for who comes after one of the same name: `openai-2`."""
    end = f"-{number}"
    return slug[: MAX_SLUG - len(end)].rstrip("-") + end
