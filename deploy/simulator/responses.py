"""`POST /v1/responses`: plain, and as a stream of named events."""

from collections.abc import Iterator
from typing import Any

from deploy.simulator.call import Asked, Prepared
from deploy.simulator.json_text import parse_json, to_json
from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.responses_answer import Output, ResponsesAnswer, make_responses_answer
from deploy.simulator.responses_request import last_input_text, read_responses_request
from deploy.simulator.sse import NamedEvent

# Of each kind of item: the events of its text, and the field that holds it.
_TEXTS = {
    "message": ("response.output_text", "text"),
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}


def responses(body: Any) -> Asked:
    """Read it. Raises InvalidRequestError."""
    request = read_responses_request(body)

    def answer(behaviour: Behaviour, error: bytes) -> Prepared:
        made = make_responses_answer(request, behaviour)
        if request.stream:
            return Prepared(made.head["id"], made.usage, _events(made, behaviour, error))
        whole = to_json(made.response(behaviour))
        sent = whole[: len(whole) // 2] if behaviour.malformed_json else whole
        return Prepared(made.head["id"], made.usage, sent)

    return Asked(request.model, request.stream, last_input_text(request.items), answer)


def _events(made: ResponsesAnswer, behaviour: Behaviour, error: bytes) -> Iterator[NamedEvent]:
    """All events, numbered; half-way the error or the broken event that were asked for."""
    half = sum(len(output.chunks) for output in made.outputs) // 2
    deltas = 0
    for number, (name, fields) in enumerate(_steps(made, behaviour)):
        if name.endswith(".delta"):
            if deltas == half and behaviour.error_event_mid_stream:
                yield _event("error", number, parse_json(error))
                return
            if deltas == half and behaviour.malformed_json:
                yield NamedEvent(name, b'{"type":')
            deltas += 1
        yield _event(name, number, fields)


def _steps(made: ResponsesAnswer, behaviour: Behaviour) -> Iterator[tuple[str, dict[str, Any]]]:
    begun = made.response(behaviour, is_begun=True)
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, output in enumerate(made.outputs):
        yield from _item_steps(index, output)
    if not behaviour.no_done:
        yield f"response.{made.status}", {"response": made.response(behaviour)}


def _item_steps(index: int, output: Output) -> Iterator[tuple[str, dict[str, Any]]]:
    item = output.item
    place = {"item_id": item["id"], "output_index": index}
    text = _TEXTS.get(item["type"])
    begun = {**item, "status": "in_progress"} if "status" in item else item
    if text is not None and item["type"] != "message":
        begun[text[1]] = ""
    if item["type"] == "message":
        begun["content"] = []
    yield "response.output_item.added", {"output_index": index, "item": begun}
    if item["type"] == "web_search_call":
        for step in ("in_progress", "searching", "completed"):
            yield f"response.web_search_call.{step}", place
    if text is not None:
        name, field = text
        if item["type"] == "message":
            place |= {"content_index": 0}
            empty = {**item["content"][0], "text": ""}
            yield "response.content_part.added", {**place, "part": empty}
        more: dict[str, Any] = {"logprobs": []} if item["type"] == "message" else {}
        for chunk in output.chunks:
            yield f"{name}.delta", {**place, "delta": chunk, **more}
        yield f"{name}.done", {**place, field: "".join(output.chunks), **more}
        if item["type"] == "message":
            yield "response.content_part.done", {**place, "part": item["content"][0]}
    yield "response.output_item.done", {"output_index": index, "item": item}


def _event(name: str, number: int, fields: dict[str, Any]) -> NamedEvent:
    return NamedEvent(name, to_json({"type": name, "sequence_number": number, **fields}))
