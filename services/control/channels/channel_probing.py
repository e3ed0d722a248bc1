"""One tiny real request to a channel, to see whether it answers. Nothing of it is kept.

What comes back is a code of the closed set: a provider's own words may quote what it was sent.
"""

import re
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import aiohttp
import orjson

from shared.events.requests import ErrorCode
from shared.health.refusals import code_of
from shared.http.egress import EgressPolicy, EgressRefusedError, EgressResolver
from shared.http.outgoing_proxy import check_proxy_url

_TIMEOUT_S: Final = 30.0
_CONNECT_S: Final = 10.0
_MAX_ANSWER_BYTES: Final = 1024 * 1024
_OK: Final = 200
_FIRST_ERROR: Final = 400
_PROMPT: Final = [{"role": "user", "content": "hi"}]
_FEW_TOKENS: Final = 16
"""Some models refuse to answer with fewer."""
# They refuse `max_tokens`, and others do not know its new name.
_REASONING: Final = re.compile(r"(?:.*/)?(?:o\d|gpt-5)")


class Probe(NamedTuple):
    """A request that is as cheap as one can be."""

    path: str
    body: dict[str, Any]
    headers: Mapping[str, str]
    answer_field: str
    """What a good answer has, as a list."""


class ProbeResult(NamedTuple):
    """What became of it."""

    error_code: ErrorCode | None
    """None: it answered as its dialect has it."""
    http_status: int | None
    duration_s: float


def probe_of(dialect: str, *, model: str, key: str) -> Probe:
    """The request in a channel's dialect. `model` is the provider's name of it."""
    if dialect == "anthropic":
        body: dict[str, Any] = {"model": model, "messages": _PROMPT, "max_tokens": _FEW_TOKENS}
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        return Probe("/messages", body, headers, "content")
    headers = {"Authorization": f"Bearer {key}"}
    if "embedding" in model:
        return Probe("/embeddings", {"model": model, "input": "hi"}, headers, "data")
    if "moderation" in model:
        return Probe("/moderations", {"model": model, "input": "hi"}, headers, "results")
    limit = "max_completion_tokens" if _REASONING.match(model) else "max_tokens"
    body = {"model": model, "messages": _PROMPT, limit: _FEW_TOKENS}
    return Probe("/chat/completions", body, headers, "choices")


class Prober:
    """Sends probes to addresses that the egress policy allows. Redirects are not followed."""

    def __init__(self, session: aiohttp.ClientSession, policy: EgressPolicy) -> None:
        self._session = session
        self._policy = policy

    async def send(
        self, base_url: str, probe: Probe, *, proxy_url: str | None = None
    ) -> ProbeResult:
        """Send one. Does not raise for anything that the provider or the proxy does."""
        started = time.perf_counter()
        status: int | None = None
        try:
            self._policy.check_url(base_url)
            if proxy_url is not None:
                check_proxy_url(proxy_url, self._policy)
            async with self._session.post(
                base_url + probe.path,
                data=orjson.dumps(probe.body),
                headers={**probe.headers, "Content-Type": "application/json"},
                proxy=proxy_url,
                allow_redirects=False,
            ) as response:
                status = response.status
                body = await _read(response)
                code = _judged(status, body, probe.answer_field)
        except TimeoutError:
            code = ErrorCode.UPSTREAM_TIMEOUT
        except (aiohttp.ClientError, EgressRefusedError, OSError, ValueError):
            code = ErrorCode.UPSTREAM_CONNECTION if status is None else ErrorCode.UPSTREAM_CUT
        return ProbeResult(code, status, time.perf_counter() - started)


def probing_session(policy: EgressPolicy) -> aiohttp.ClientSession:
    """A session for a Prober; the caller's to close."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=EgressResolver(policy), force_close=True, limit=16),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S, sock_connect=_CONNECT_S),
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MAX_ANSWER_BYTES:
            return b""
    return body


def _judged(status: int, body: bytes, answer_field: str) -> ErrorCode | None:
    if status >= _FIRST_ERROR:
        return code_of(status, body)
    try:
        answer = orjson.loads(body) if status == _OK else None
    except orjson.JSONDecodeError:
        answer = None
    is_good = isinstance(answer, dict) and isinstance(answer.get(answer_field), list)
    return None if is_good else ErrorCode.UPSTREAM_MALFORMED
