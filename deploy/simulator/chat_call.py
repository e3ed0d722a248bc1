"""`POST /v1/chat/completions`."""

from typing import Any

from deploy.simulator.call import Asked, Prepared
from deploy.simulator.chat import answer_json, make_answer
from deploy.simulator.chat_request import last_user_text, read_chat_request
from deploy.simulator.events import EventWriter
from deploy.simulator.misbehaviour import Behaviour


def chat(body: Any) -> Asked:
    """Read it. Raises InvalidRequestError."""
    request = read_chat_request(body)

    def answer(behaviour: Behaviour, error: bytes) -> Prepared:
        made = make_answer(request, behaviour)
        if not request.stream:
            return Prepared(made.answer_id, made.usage, answer_json(made, behaviour))
        events = EventWriter(made, behaviour, include_usage=request.include_usage)
        return Prepared(made.answer_id, made.usage, events.payloads(error))

    return Asked(request.model, request.stream, last_user_text(request.messages), answer)
