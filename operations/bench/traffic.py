"""The requests and answers that are measured: one chat completion, plain and streamed."""

import json
from typing import Final

EVENTS_PER_STREAM: Final = 52
"""A role, 48 pieces of text, a finish reason, the usage, and `[DONE]`."""
ANSWER_BYTES: Final = 561
MODEL: Final = "gpt-4o-mini"
CHAT_PATH: Final = "/v1/chat/completions"

_HEAD: Final = {"id": "chatcmpl-bench", "created": 1_700_000_000, "model": MODEL}
_PACE: Final = b"Words a second: "
_USAGE: Final = {"prompt_tokens": 24, "completion_tokens": 48, "total_tokens": 72}
_TEXT_EVENTS: Final = EVENTS_PER_STREAM - 4


def chat_request(*, key: str, stream: bool, events_per_s: float | None = None) -> bytes:
    """A whole HTTP request, ready to be written; with a pace that `asked_pace` reads."""
    question = "Say in two sentences why the sky is blue."
    if events_per_s is not None:
        question += f" {_PACE.decode()}{events_per_s:g}."
    chat = {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": question},
        ],
        "max_tokens": 128,
    }
    if stream:
        # Asked for, so that both sides have the same events to pass on.
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(chat).encode()
    head = (
        f"POST {CHAT_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        "User-Agent: ledgerline-bench\r\nAccept: */*\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def asked_pace(request: bytes) -> float | None:
    """How many events a second the sender of a request asks for; None is as fast as it goes."""
    _, found, rest = request.partition(_PACE)
    return float(rest.partition(b'."')[0]) if found else None


def plain_answer() -> bytes:
    """The whole HTTP answer of a provider to a plain request; its body has ANSWER_BYTES."""
    message = {"role": "assistant", "content": ""}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
    message["content"] = "b" * (ANSWER_BYTES - len(json.dumps(answer)))
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def stream_head() -> bytes:
    """The head of a provider's answer to a streamed request."""
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )


def stream_chunks() -> list[bytes]:
    """The events of a stream, each in an HTTP chunk of its own, the end with the last."""
    head = {**_HEAD, "object": "chat.completion.chunk"}
    deltas: list[tuple[dict[str, str], str | None]] = [
        ({"role": "assistant", "content": ""}, None),
        *(({"content": f" word{number:02}"}, None) for number in range(_TEXT_EVENTS)),
        ({}, "stop"),
    ]
    payloads = [
        json.dumps({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
        for delta, reason in deltas
    ]
    payloads += [json.dumps({**head, "choices": [], "usage": _USAGE}), "[DONE]"]
    events = [f"data: {payload}\n\n".encode() for payload in payloads]
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    chunks[-1] += b"0\r\n\r\n"
    return chunks
