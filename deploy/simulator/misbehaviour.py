import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MARKER_START: Final = "[[simulate "
MARKER_END: Final = "]]"
SUFFIX_START: Final = "!"

Count = Annotated[int, Field(ge=0)]


class BadSimulationError(ValueError):
    """What was asked of the simulator cannot be understood; the message says what and why."""


class Behaviour(BaseModel):
    """How one request is answered. The default is a quick, whole and correct answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    # When, and how fast.
    delay_ms: Count = 0
    event_interval_ms: Count | None = None  # None: as fast as the socket; 0: a packet per event
    hang: bool = False
    hang_after_events: Count | None = None

    # What the answer holds.
    events: Annotated[int, Field(ge=1)] | None = None  # content chunks of a stream
    tool_calls: Annotated[int, Field(ge=1)] = 1  # how many, where a tool is called
    web_searches: Count | None = None  # how many, where a request offers them; None: one
    service_tier: str | None = None  # None: the one that was asked for, else the ordinary one
    response_failed: bool = False  # of /v1/responses: the answer's status is `failed`
    echo_prompt: bool = False
    empty_choices: bool = False
    unknown_events: bool = False  # in a stream of /v1/messages
    upstream_model: str | None = None
    fill_max_tokens: bool = False
    malformed_json: bool = False
    big_headers: Count = 0  # bytes of padding

    # What the answer says was used.
    completion_tokens: int | None = None
    cached_tokens: int = 0
    cache_write_5m_tokens: Count = 0  # of /v1/messages
    cache_write_1h_tokens: Count = 0
    reasoning_tokens: Count = 0
    no_usage: bool = False
    usage_strings: bool = False
    usage_negative: bool = False
    usage_huge: bool = False
    usage_in_last_chunk: bool = False

    # Errors.
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    status_times: Count | None = None  # None: always
    retry_after: Count | None = None  # seconds
    echo_prompt_in_error: bool = False
    error_event_mid_stream: bool = False

    # How the bytes go out.
    cut_after_events: Count | None = None
    cut_body_at: Count | None = None
    reset: bool = False
    reset_after_events: Count | None = None
    comments_and_keepalives: bool = False
    split_bytes: Annotated[int, Field(ge=1)] | None = None
    crlf_events: bool = False
    no_done: bool = False
    gzip: bool = False


WELL_BEHAVED: Final = Behaviour()


def read_behaviour(asked: Mapping[str, Any]) -> Behaviour:
    """The behaviour named by `asked`, defaults elsewhere.

    Raises:
        BadSimulationError: an unknown name or a value of the wrong kind.
    """
    if not asked:
        return WELL_BEHAVED
    try:
        return Behaviour.model_validate(asked)
    except ValidationError as error:
        problems = "; ".join(f"{_place(item['loc'])}: {item['msg']}" for item in error.errors())
        raise BadSimulationError(f"not a behaviour: {problems}") from None


def from_header(text: str) -> dict[str, Any]:
    """What an `x-simulate` header asks: a JSON object, or `name=value,name=value`."""
    return _object(text) if text.lstrip().startswith("{") else _pairs(text)


def split_model(model: str) -> tuple[str, dict[str, Any]]:
    """The plain model name, and what its suffix asks: `gpt-4o-mini!delay_ms=500,no_usage`."""
    name, separator, suffix = model.partition(SUFFIX_START)
    return (name, _pairs(suffix)) if separator else (model, {})


def from_text(text: str) -> dict[str, Any]:
    """What the markers `[[simulate {"delay_ms": 500}]]` in a text ask; later ones win."""
    asked: dict[str, Any] = {}
    at = text.find(MARKER_START)
    while at >= 0:
        try:
            found, end = json.JSONDecoder().raw_decode(text, at + len(MARKER_START))
        except ValueError as error:
            raise BadSimulationError(f"the marker's JSON is broken: {error}") from None
        if not isinstance(found, dict) or not text.startswith(MARKER_END, end):
            raise BadSimulationError("a marker is [[simulate {...}]] with one JSON object")
        asked |= found
        at = text.find(MARKER_START, end)
    return asked


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadSimulationError(f"broken JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadSimulationError("a JSON object is wanted")
    return found


def _pairs(text: str) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = pair.partition("=")
        asked[name.strip()] = _value(value.strip()) if separator else True
    return asked


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
