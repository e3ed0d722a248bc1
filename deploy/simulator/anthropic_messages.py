"""`POST /v1/messages` and `POST /v1/messages/count_tokens`."""

from typing import Any

from deploy.simulator.anthropic_answer import MessageUsage, make_message, message_json
from deploy.simulator.anthropic_events import message_events
from deploy.simulator.anthropic_request import last_user_text, read_messages_request
from deploy.simulator.call import Asked, Prepared
from deploy.simulator.json_text import to_json
from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.usage import told


def messages(body: Any) -> Asked:
    """Read it. Raises InvalidRequestError."""
    request = read_messages_request(body)

    def answer(behaviour: Behaviour, error: bytes) -> Prepared:
        made = make_message(request, behaviour)
        if not request.stream:
            return Prepared(made.answer_id, made.usage, message_json(made, behaviour))
        return Prepared(made.answer_id, made.usage, message_events(made, behaviour, error))

    return Asked(request.model, request.stream, last_user_text(request.messages), answer)


def count_tokens(body: Any) -> Asked:
    """Read it. Raises InvalidRequestError."""
    request = read_messages_request(body, needs_max_tokens=False)

    def answer(behaviour: Behaviour, _error: bytes) -> Prepared:
        counted = to_json({"input_tokens": told(request.input_tokens, behaviour)})
        whole = counted[: len(counted) // 2] if behaviour.malformed_json else counted
        # Counting uses nothing.
        return Prepared(None, MessageUsage(prompt_tokens=0, completion_tokens=0), whole)

    return Asked(request.model, False, last_user_text(request.messages), answer)
