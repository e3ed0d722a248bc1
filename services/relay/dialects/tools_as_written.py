"""A request's tools as they were written: a name that is there twice, or in another case, included.

A provider may read another one of two types than we do, and run what we took for the client's own.
"""

import json
from typing import Any, Final

from services.relay.dialects.body import ESCAPED
from services.relay.dialects.json_fields import top_level_fields, value_of_sole
from services.relay.errors import invalid_request

_NAME: Final = "tools"
_QUOTED: Final = b'"tools"'
_TYPE: Final = "type"


class WrittenTool(list[tuple[str, Any]]):
    """An object as it was written; its numbers are strings."""

    def sole(self, name: str) -> Any:
        """The value of a member that decides, null where it has none. Raises RelayError 400."""
        members = [(each, value) for each, value in self if each.casefold() == name]
        if not members:
            return None
        if len(members) > 1 or members[0][0] != name:
            raise invalid_request(f"A tool may have one `{name}`, in lower case.", param=_NAME)
        return members[0][1]


def written_tools(body: bytes) -> list[WrittenTool]:
    """Each tool. Raises RelayError 400.

    `body` is an object that has `tools` once, which are neither null nor empty.
    """
    tools = _as_written(_bytes_of_tools(body))
    # An empty object is an empty list too, and has no tool either.
    if not isinstance(tools, list) or isinstance(tools, WrittenTool):
        raise invalid_request("`tools` must be an array of objects.", param=_NAME)
    for tool in tools:
        if not isinstance(tool, WrittenTool):
            raise invalid_request("`tools` must be an array of objects.", param=_NAME)
    return tools


def tool_types(body: bytes) -> list[Any]:
    """The type of each tool, null where one has none. Raises RelayError 400, as above."""
    return [tool.sole(_TYPE) for tool in written_tools(body)]


def _bytes_of_tools(body: bytes) -> bytes:
    # Going through all fields is slow where the messages are long: only where the name may be
    # hidden in an escape, or is there elsewhere too.
    if body.count(_QUOTED) == 1 and ESCAPED.search(body) is None:
        return value_of_sole(body, _QUOTED)
    for field in top_level_fields(body):
        if field.name == _NAME:
            return body[field.start : field.end]
    return b"null"


def _as_written(value: bytes) -> Any:
    try:
        return json.loads(value, object_pairs_hook=WrittenTool, parse_int=str, parse_float=str)
    except RecursionError:
        raise invalid_request("`tools` is nested too deeply.", param=_NAME) from None
