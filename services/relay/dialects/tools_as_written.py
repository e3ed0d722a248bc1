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


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written."""


def tool_types(body: bytes) -> list[Any]:
    """The type of each tool, null where one has none. Raises RelayError 400.

    `body` is an object that has `tools` once, which are neither null nor empty.
    """
    tools = _as_written(_bytes_of_tools(body))
    # An empty object is an empty list too, and has no tool either.
    if not isinstance(tools, list) or isinstance(tools, _Pairs):
        raise invalid_request("`tools` must be an array of objects.", param=_NAME)
    return [_type_of(tool) for tool in tools]


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
        return json.loads(value, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    except RecursionError:
        raise invalid_request("`tools` is nested too deeply.", param=_NAME) from None


def _type_of(tool: Any) -> Any:
    if not isinstance(tool, _Pairs):
        raise invalid_request("`tools` must be an array of objects.", param=_NAME)
    kinds = [(name, value) for name, value in tool if name.casefold() == _TYPE]
    if not kinds:
        return None
    if len(kinds) > 1 or kinds[0][0] != _TYPE:
        raise invalid_request("A tool must have one `type`.", param=_NAME)
    return kinds[0][1]
