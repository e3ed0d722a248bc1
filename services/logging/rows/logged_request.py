"""What logging reads of a `RequestCompleted`: what a row has, and no more.

Its own reader, since the contract's takes five times as long. Words of closed sets are read as
words, so that a code of a later release has a row too; what a row only repeats is cut out of the
event, byte for byte. Tests hold the fields and their bounds against the contract.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from shared.events.event import MalformedEventError
from shared.events.numbers import MAX_BYTES, MAX_ID, MAX_MS, MAX_QUOTA_UNITS, MAX_TOKENS
from shared.events.requests import MAX_ATTEMPTS

NOTHING: Final = msgspec.Raw(b"null")
NO_FIELDS: Final = msgspec.Raw(b"{}")

_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]*")
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

# Without the patterns of the contract, which take longer than all the rest: see `read_request`.
_Code = Annotated[str, msgspec.Meta(max_length=64)]
_Name = Annotated[str, msgspec.Meta(max_length=128)]
_Line = Annotated[str, msgspec.Meta(max_length=256)]
_Address = Annotated[str, msgspec.Meta(max_length=64)]
_Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]
_QuotaUnits = Annotated[int, msgspec.Meta(ge=0, le=MAX_QUOTA_UNITS)]
_ByteCount = Annotated[int, msgspec.Meta(ge=0, le=MAX_BYTES)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_MS)]
_HttpStatus = Annotated[int, msgspec.Meta(ge=100, le=999)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Told = Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(max_length=8)]
_Codes = Annotated[tuple[_Code, ...], msgspec.Meta(max_length=16)]


class LoggedUsage(msgspec.Struct, frozen=True, gc=False):
    """The part of `Usage` that a row shows."""

    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0
    cached_tokens: _Tokens = 0
    cache_creation_tokens: _Tokens = 0
    cache_creation_1h_tokens: _Tokens = 0
    image_tokens: _Tokens = 0
    audio_tokens: _Tokens = 0
    reasoning_tokens: _Tokens = 0
    prompt_includes_cached: bool = True
    output_audio_tokens: _Tokens = 0
    output_image_tokens: _Tokens = 0
    tool_calls: msgspec.Raw = NO_FIELDS


class LoggedAttempt(msgspec.Struct, omit_defaults=True, gc=False):
    """An `Attempt`, to be written again without what its row says."""

    channel_id: _Id | None = None
    channel_name: _Name | None = None
    provider: _Name | None = None
    provider_id: _Id | None = None
    credential_id: _Id | None = None
    upstream_model: _Name | None = None
    offset_ms: _Milliseconds | None = None
    latency_ms: _Milliseconds | None = None
    http_status: _HttpStatus | None = None
    error_code: _Code | None = None


_NO_USAGE: Final = LoggedUsage()


class LoggedRequest(msgspec.Struct, gc=False):
    """The part of `RequestCompleted` that a row shows. Raw: only cut out."""

    request_id: _Code
    workspace_id: _Id
    key_id: _Id
    user_id: _Id
    dialect: _Code
    method: _Code
    path: _Line
    group: _Name
    outcome: _Code
    http_status: _HttpStatus
    completed_at: _Time
    latency_ms: _Milliseconds
    project_id: _Id | None = None
    key_name: _Name = ""
    username: _Name = ""
    query_parameters: _Codes = ()
    requested_model: _Name | None = None
    upstream_model: _Name | None = None
    is_model_mapped: bool = False
    channel_id: _Id | None = None
    channel_name: _Name | None = None
    provider: _Name | None = None
    provider_id: _Id | None = None
    attempts: Annotated[tuple[LoggedAttempt, ...], msgspec.Meta(max_length=MAX_ATTEMPTS)] = ()
    upstream_request_id: _Line | None = None
    is_stream: bool = False
    error_code: _Code | None = None
    client_disconnected: bool = False
    suppressed_count: _Count = 0
    usage: LoggedUsage = _NO_USAGE
    usage_source: _Code = "none"
    quota: _QuotaUnits = 0
    hold_quota: _QuotaUnits = 0
    rating: msgspec.Raw = NOTHING
    leases: _Told = ()
    request_bytes: _ByteCount = 0
    response_bytes: _ByteCount = 0
    first_byte_ms: _Milliseconds | None = None
    upstream_latency_ms: _Milliseconds | None = None
    cache_hit: bool | None = None
    cache_key: _Code | None = None
    rate_limited: bool | None = None
    rate_limit_remaining: _Count | None = None
    rate_limit_reset_at: _Time | None = None
    limits: _Told = ()
    client_address: _Address = ""
    user_agent: _Line = ""
    tags: Annotated[dict[_Code, _Line], msgspec.Meta(max_length=10)] = {}
    parent_span_id: _Code | None = None
    origin: _Line = ""
    request_host: _Line = ""
    client_retry_count: _Count | None = None


_DECODE: Final = msgspec.json.Decoder(LoggedRequest).decode


def read_request(value: bytes | None) -> LoggedRequest:
    """The request of a record's value. Raises MalformedEventError, naming nothing of it.

    In JSON a control character or half of a surrogate pair can only be written with a backslash:
    only a value that has one, which few have, is looked through for them.
    """
    if value is None:
        raise MalformedEventError("the value is null")
    try:
        if not value.isascii():
            value.decode()  # what is only cut out is not looked at by the decoder
        request = _DECODE(value)
        if b"\\" in value or b"\x7f" in value:
            _require_safe(msgspec.json.decode(value))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MalformedEventError("not a RequestCompleted") from None
    given = (request.request_id, request.parent_span_id, request.cache_key)
    if not (
        _is_word(request.dialect)
        and _is_word(request.method)
        and _is_word(request.outcome)
        and _is_word(request.usage_source)
        and (request.error_code is None or _is_word(request.error_code))
        and all(_is_word(name) for name in request.query_parameters)
        and all(code is None or _CODE.fullmatch(code) for code in given)
    ):
        raise MalformedEventError("not a code")
    return request


@lru_cache(maxsize=4096)
def _is_word(code: str) -> bool:
    """Of a set that is closed in each release: looked at once."""
    return _CODE.fullmatch(code) is not None


def _require_safe(value: Any) -> None:
    """Of all strings in it, however deep. Raises MalformedEventError."""
    if isinstance(value, str):
        if _UNSAFE.search(value):
            raise MalformedEventError("an unsafe character")
    elif isinstance(value, dict):
        for name, item in value.items():
            _require_safe(name)
            _require_safe(item)
    elif isinstance(value, list):
        for item in value:
            _require_safe(item)
