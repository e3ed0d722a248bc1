"""Completed requests as relays publish them, drawn from a population. Pure but for the randomness.

Four of a hundred fail, by twelve codes. A draw depends on the seed alone, ids included.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, NamedTuple

import orjson

from operations.bench.made_events import made_records
from operations.seed_logs.population import Key, Model, Population, User, Weighted
from shared.events.requests import ErrorCode
from shared.kafka.records import Headers, OutgoingRecord

_FAILED: Final = 0.04
_STREAMED: Final = 0.6
_FIRST_KEY: Final = 0.7
_OWN_MODEL: Final = 0.9
_FIRST_CHANNEL: Final = 0.8
_MS: Final = 1000
_RETRIED: Final = 0.02
_LONGEST_MS: Final = 600_000
_MOST_TOKENS: Final = 200_000
_QUOTA_PER_TOKEN: Final = 0.3
_AGENTS: Final = ("OpenAI/Python 1.99.0", "Anthropic/JS 0.60.0", "curl/8.9.1", "python-httpx/0.28")


class _Failure(NamedTuple):
    outcome: str
    error_code: ErrorCode
    http_status: int


_FAILURES: Final = Weighted(
    [
        _Failure("failed", ErrorCode.UPSTREAM_SERVER_ERROR, 502),
        _Failure("rejected", ErrorCode.RATE_LIMITED, 429),
        _Failure("failed", ErrorCode.UPSTREAM_TIMEOUT, 504),
        _Failure("failed", ErrorCode.UPSTREAM_RATE_LIMITED, 429),
        _Failure("rejected", ErrorCode.INSUFFICIENT_QUOTA, 403),
        _Failure("failed", ErrorCode.UPSTREAM_CLIENT_ERROR, 400),
        _Failure("rejected", ErrorCode.INVALID_REQUEST, 400),
        _Failure("failed", ErrorCode.UPSTREAM_CONNECTION, 502),
        _Failure("failed", ErrorCode.UPSTREAM_CUT, 200),
        _Failure("rejected", ErrorCode.NO_CHANNEL, 503),
        _Failure("interrupted", ErrorCode.RELAY_DIED, 499),
        _Failure("failed", ErrorCode.UPSTREAM_MALFORMED, 502),
    ],
    exponent=1.0,
)


class Requests:
    """Makes records of one population."""

    def __init__(self, given: Population, random: Random) -> None:
        (made,) = made_records(1, workspaces=1)
        self._given = given
        self._random = random
        self._topic = made.topic
        self._headers = dict(made.headers)
        self._told: dict[str, Any] = orjson.loads(made.value or b"")
        self._attempt: dict[str, Any] = self._told["attempts"][0]

    def ended(self, moments_ms: Iterable[int]) -> Iterator[OutgoingRecord]:
        """One that ended at each of these moments (Unix milliseconds)."""
        moments = list(moments_ms)
        users = self._given.users.draw(self._random, len(moments))
        models = self._given.models.draw(self._random, len(moments))
        for at_ms, user, model in zip(moments, users, models, strict=True):
            yield self._record(at_ms, user, model)

    def _record(self, at_ms: int, user: User, model: Model) -> OutgoingRecord:
        random = self._random
        request_id = _id_of(at_ms, random)
        chance = random.random()
        latency_ms = min(_LONGEST_MS, int(random.lognormvariate(7.3, 0.8)))
        key = self._key(user)
        if random.random() < _OWN_MODEL:
            model = key.model
        told = self._told | _whose(user, key) | self._served(model, latency_ms)
        if chance < _FAILED:
            [failure] = _FAILURES.draw(random, 1)
            told |= failure._asdict()
            told |= {"usage": {}, "usage_source": "none", "quota": 0, "response_bytes": 180}
        else:
            told |= self._used()
        completed_at = datetime.fromtimestamp(at_ms / _MS, UTC)
        told |= {
            "request_id": request_id,
            "upstream_request_id": f"req_{request_id[14:]}",
            "is_stream": chance > 1 - _STREAMED,
            "started_at": datetime.fromtimestamp((at_ms - latency_ms) / _MS, UTC),
            "first_byte_at": None,
            "completed_at": completed_at,
            "client_address": f"198.51.100.{user.id % 250}",
            "user_agent": _AGENTS[user.id % len(_AGENTS)],
        }
        self._headers["ce_id"] = request_id.encode()
        self._headers["ce_time"] = completed_at.isoformat().encode()
        trace_id = request_id.replace("-", "")
        self._headers["ce_traceparent"] = f"00-{trace_id}-00f067aa0ba902b7-01".encode()
        headers: Headers = tuple(self._headers.items())
        value = orjson.dumps(told, option=orjson.OPT_UTC_Z)
        return OutgoingRecord(self._topic, b"%d" % user.workspace_id, value, headers)

    def _key(self, user: User) -> Key:
        is_first = len(user.keys) == 1 or self._random.random() < _FIRST_KEY
        return user.keys[0] if is_first else self._random.choice(user.keys[1:])

    def _served(self, model: Model, latency_ms: int) -> dict[str, Any]:
        is_first = self._random.random() < _FIRST_CHANNEL
        channel = model.channels[0] if is_first else self._random.choice(model.channels)
        where = {
            "channel_id": channel.id,
            "channel_name": channel.name,
            "provider": model.provider,
            "provider_id": model.provider_id,
            "upstream_model": model.name,
        }
        attempt = self._attempt | where | {"latency_ms": max(0, latency_ms - 10)}
        tries = 2 if self._random.random() < _RETRIED else 1
        return where | {
            "requested_model": model.name,
            "attempts": [attempt] * tries,
            "latency_ms": latency_ms,
            "upstream_latency_ms": max(0, latency_ms - 10),
            "first_byte_ms": latency_ms // 4,
        }

    def _used(self) -> dict[str, Any]:
        random = self._random
        prompt = min(_MOST_TOKENS, int(random.lognormvariate(6, 1.3)))
        completion = min(_MOST_TOKENS, int(random.lognormvariate(5, 1.0)))
        cached = prompt // 2 if prompt > _MS else 0
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "cached_tokens": cached,
        }
        return {
            "usage": usage,
            "quota": int((prompt + 4 * completion) * _QUOTA_PER_TOKEN),
            "request_bytes": 300 + 4 * prompt,
            "response_bytes": 400 + 5 * completion,
        }


def _id_of(at_ms: int, random: Random) -> str:
    """A UUIDv7 of that time."""
    time, chance = f"{at_ms:012x}", f"{random.getrandbits(72):018x}"
    return f"{time[:8]}-{time[8:]}-7{chance[:3]}-8{chance[3:6]}-{chance[6:]}"


def _whose(user: User, key: Key) -> dict[str, Any]:
    return {
        "workspace_id": user.workspace_id,
        "workspace_name": f"workspace {user.workspace_id}",
        "project_id": user.project_id,
        "key_id": key.id,
        "key_name": key.name,
        "user_id": user.id,
        "username": user.name,
        "group": user.group,
        "user_group": user.group,
    }
