"""What a workspace can set, with what holds where it has not. Pure."""

from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

import orjson
from pydantic import StringConstraints
from pydantic.functional_validators import AfterValidator

DEFAULTS: Final = {"timezone": "UTC"}

_NOWHERE: Final = frozenset({"Factory", "localtime"})
"""Files beside the zones, which are another zone on another machine."""


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOWHERE


def _known(name: str) -> str:
    if name not in _known_zones():
        raise ValueError("a time zone such as Europe/Berlin is needed")
    return name


WorkspaceTimezone = Annotated[
    str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known)
]


def settings_of(row: Any) -> dict[str, Any]:
    """The settings of a row of `workspaces`."""
    return {**DEFAULTS, **orjson.loads(row["settings"])}
