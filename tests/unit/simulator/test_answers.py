import json
from typing import Any

import pytest

from tests.unit.simulator.conftest import Simulator


async def test_the_usage_is_told_as_asked(simulator: Simulator) -> None:
    async def usage(**simulate: Any) -> Any:
        async with simulator.chat(simulate=simulate) as response:
            return (await response.json()).get("usage")

    assert await usage(no_usage=True) is None
    assert (await usage(completion_tokens=77))["completion_tokens"] == 77
    assert (await usage(completion_tokens=0))["completion_tokens"] == 0
    assert (await usage(completion_tokens=12, usage_strings=True))["completion_tokens"] == "12"
    assert (await usage(completion_tokens=12, usage_negative=True))["completion_tokens"] == -12
    assert (await usage(usage_huge=True))["prompt_tokens"] == 10**18
    detailed = await usage(cached_tokens=3, reasoning_tokens=20)
    assert detailed["prompt_tokens_details"]["cached_tokens"] == 3
    assert detailed["completion_tokens_details"]["reasoning_tokens"] == 20
    assert detailed["completion_tokens"] == 36


@pytest.mark.parametrize(("limit", "tokens"), [(1_000, 1_000), (None, 16_384)])
async def test_the_maximum_is_really_filled(
    simulator: Simulator, limit: int | None, tokens: int
) -> None:
    fields: dict[str, Any] = {} if limit is None else {"max_tokens": limit}
    async with simulator.chat(simulate={"fill_max_tokens": True}, **fields) as response:
        answer = await response.json()
    assert answer["usage"]["completion_tokens"] == tokens
    assert len(answer["choices"][0]["message"]["content"].split()) == tokens
    assert answer["choices"][0]["finish_reason"] == "length"


async def test_malformed_json_cannot_be_read(simulator: Simulator) -> None:
    async with simulator.chat(simulate={"malformed_json": True}) as response:
        body = await response.read()
    with pytest.raises(ValueError, match=r"(Unterminated|Expecting|Invalid)"):
        json.loads(body)


async def test_one_malformed_event_stands_in_a_whole_stream(simulator: Simulator) -> None:
    async with simulator.chat(simulate={"malformed_json": True}, stream=True) as response:
        payloads = events_of(await response.read())
    assert payloads[-1] == b"[DONE]"
    assert [is_json(payload) for payload in payloads[:-1]].count(False) == 1


async def test_a_streams_shape_follows_what_was_asked(simulator: Simulator) -> None:
    async def stream(**simulate: Any) -> bytes:
        async with simulator.chat(simulate=simulate, stream=True) as response:
            return bytes(await response.read())

    assert len(events_of(await stream(events=40))) == 1 + 40 + 1 + 1
    assert len(events_of(await stream(events=1_000))) == 1_003  # more than one batch of writes
    assert b"[DONE]" not in await stream(no_done=True)
    assert (await stream(comments_and_keepalives=True)).startswith(b": keep-alive\n\ndata: {")
    crlf = await stream(crlf_events=True)
    assert b"data: [DONE]\r\n\r\n" in crlf
    assert b"\n" not in crlf.replace(b"\r\n", b"")
    last = json.loads(events_of(await stream(usage_in_last_chunk=True))[-2])
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["completion_tokens"] == 16
    assert all(
        not json.loads(p)["choices"] for p in events_of(await stream(empty_choices=True))[:-1]
    )


async def test_split_and_paced_streams_carry_the_same_events(simulator: Simulator) -> None:
    for simulate in (
        {"split_bytes": 1},
        {"event_interval_ms": 1},
        {"split_bytes": 7, "gzip": True},
    ):
        async with simulator.chat(simulate=simulate, stream=True) as response:
            payloads = events_of(await response.content.read())
        assert len(payloads) == 19
        assert payloads[-1] == b"[DONE]"


async def test_gzip_is_sent_even_to_those_who_did_not_ask(simulator: Simulator) -> None:
    body = {
        "model": "gpt-4o!gzip",
        "messages": [{"role": "user", "content": "hello"}],
    }
    async with simulator.session.post(
        f"{simulator.url}/v1/chat/completions",
        json=body,
        headers={"Authorization": "Bearer k", "Accept-Encoding": "identity"},
    ) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert (await response.json())["model"] == "gpt-4o!gzip"


async def test_the_prompt_is_repeated_where_asked(simulator: Simulator) -> None:
    async with simulator.chat("MARKER-1", simulate={"echo_prompt": True}) as response:
        assert "MARKER-1" in (await response.json())["choices"][0]["message"]["content"]
    async with simulator.chat("MARKER-2", simulate={"echo_prompt_in_error": True}) as response:
        assert response.status == 400
        assert "MARKER-2" in (await response.json())["error"]["message"]
    asked = {"echo_prompt_in_error": True, "error_event_mid_stream": True}
    async with simulator.chat("MARKER-3", simulate=asked, stream=True) as response:
        assert "MARKER-3" in json.loads(events_of(await response.read())[-1])["error"]["message"]


async def test_errors_carry_status_body_and_retry_after(simulator: Simulator) -> None:
    async with simulator.chat(simulate={"status": 429, "retry_after": 7}) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "7"
        assert (await response.json())["error"]["code"] == "rate_limit_exceeded"


async def test_headers_and_model_name_may_be_other_than_expected(simulator: Simulator) -> None:
    asked = {"big_headers": 6_000, "upstream_model": "gpt-4o-mini-2024-07-18"}
    async with simulator.chat(simulate=asked) as response:
        assert (
            sum(map(len, (response.headers["x-padding-0"], response.headers["x-padding-1"])))
            == 6_000
        )
        assert (await response.json())["model"] == "gpt-4o-mini-2024-07-18"


async def test_lone_surrogates_and_nul_come_back_as_they_went(simulator: Simulator) -> None:
    asked = '[[simulate {\\"echo_prompt\\": true}]]'
    content = f'"\\ud800\\u0000 {asked}"'
    body = f'{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}'
    async with simulator.session.post(
        f"{simulator.url}/v1/chat/completions", data=body, headers={"Authorization": "Bearer k"}
    ) as response:
        assert response.status == 200
        assert (await response.json())["choices"][0]["message"]["content"].startswith("\ud800\0")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"model":"m"}',
        b'{"model":"","messages":[{"role":"user"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":0}',
        b'{"model":"m","messages":[{"role":"user","content":"[[simulate {}"}]}',
    ],
)
async def test_a_bad_request_is_400_in_the_dialect(simulator: Simulator, body: bytes) -> None:
    async with simulator.session.post(
        f"{simulator.url}/v1/chat/completions", data=body, headers={"Authorization": "Bearer k"}
    ) as response:
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer "}, {"Authorization": "Basic x"}])
async def test_no_key_is_401(simulator: Simulator, header: dict[str, str]) -> None:
    async with simulator.session.get(f"{simulator.url}/v1/models", headers=header) as response:
        assert response.status == 401
        assert response.headers["x-request-id"].startswith("req_")


def events_of(body: bytes) -> list[bytes]:
    return [
        event.removeprefix(b"data: ")
        for event in body.replace(b"\r\n", b"\n").split(b"\n\n")
        if event.startswith(b"data: ")
    ]


def is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except ValueError:
        return False
    return True
