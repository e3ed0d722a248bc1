"""The answers that every call of `/api` may give. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from shared.http.described import Answer, Who

_JSON: Final = "application/json"
_OBJECT: Final = {"type": "object"}
_FAILURE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["success", "message"],
    "properties": {"success": {"const": False}, "message": {"type": "string"}},
}
_ALWAYS: Final = {
    "400": "The path can be read in two ways, or the request is not well-formed HTTP.",
    "404": "There is no such thing.",
    "405": "The call does not take this method.",
    "413": "The request's body is too large.",
    "429": "Too many at a time; `Retry-After` says when to try again.",
    "503": "A service that is needed cannot be reached right now.",
}
_RETRY_AFTER: Final = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds."}}
_SIGNED_IN: Final = {
    "401": "Nobody is signed in, or not with what is shown.",
    "403": "The caller may not do this.",
}
_SOME: Final = {"409": "What was looked at has changed since: look at it again."}


def success(data: dict[str, Any] | None, *, is_bare: bool) -> dict[str, Any]:
    """The answer 200: the data, or a failure that tools expect with this status."""
    if is_bare:
        return _answer("What was asked for.", data or {})
    shown = {
        "type": "object",
        "required": ["success", "message", "data"],
        "properties": {
            "success": {"const": True},
            "message": {"type": "string"},
            "data": {"type": "null"} if data is None else data,
        },
    }
    return _answer("Success, or a failure with its reason.", {"oneOf": [shown, _FAILURE]})


TEXTS: Final[Mapping[Answer, Sequence[str]]] = {
    Answer.CSV: ("text/csv",),
    Answer.LINES: ("text/csv", "application/jsonl"),
    Answer.EVENTS: ("text/event-stream",),
}
"""The media types of answers that are no JSON."""


def text(answer: Answer) -> dict[str, Any]:
    """The answer 200 of a call that answers one of TEXTS, or a failure."""
    kinds = {kind: {"schema": {"type": "string"}} for kind in TEXTS[answer]}
    return {
        "description": "A line or an event for each, or a failure with its reason.",
        "content": {**kinds, _JSON: {"schema": _FAILURE}},
    }


def failures(who: Who, *, also: Iterable[str], is_bare: bool) -> dict[str, Any]:
    """The answers with other statuses, each a reference to one of `shared_answers`."""
    told = {*_ALWAYS, *also, *(() if who is Who.ANYONE else _SIGNED_IN)}
    kind = "bare" if is_bare else "envelope"
    return {status: refer(kind, status) for status in sorted(told)}


def shared_answers() -> dict[str, Any]:
    """What `failures` refers to."""
    shared = {}
    for status, why in (_ALWAYS | _SIGNED_IN | _SOME).items():
        # Before a route is known, and for tools, the errors' dialect is OpenAI's.
        shared[f"bare.{status}"] = _answer(why, _OBJECT)
        shared[f"envelope.{status}"] = _answer(why, _OBJECT if status == "400" else _FAILURE)
    for status in ("429", "503"):
        for kind in ("bare", "envelope"):
            shared[f"{kind}.{status}"]["headers"] = _RETRY_AFTER
    return shared


def refer(kind: str, status: str) -> dict[str, str]:
    """A reference to an answer that several operations have."""
    return {"$ref": f"#/components/responses/{kind}.{status}"}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema}}}
