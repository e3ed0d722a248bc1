"""What a person calls the thing that they signed in with. Pure."""

import re
from collections.abc import Sequence
from typing import Final

# Each names itself among others: the more special stands before what it pretends to be.
_PROGRAMS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}(?=/)")


def device_info(user_agent: str) -> str:
    """Such as `Firefox on Linux`, or a tool's name; empty where nothing is known."""
    program = _first(user_agent, _PROGRAMS)
    if program is None and (named := _PRODUCT.match(user_agent)) is not None:
        program = None if named[0] == "Mozilla" else named[0]
    system = _first(user_agent, _SYSTEMS)
    return " on ".join(filter(None, (program, system)))


def _first(text: str, names: Sequence[tuple[str, str]]) -> str | None:
    return next((name for mark, name in names if mark in text), None)
