"""`POST /v1/moderations`: what contains the word `violence` is flagged; it counts no tokens."""

from typing import Any, Final
from uuid import uuid4

from deploy.simulator.call import Asked, Prepared
from deploy.simulator.errors import InvalidRequestError
from deploy.simulator.fields import read_model, read_object
from deploy.simulator.json_text import to_json
from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.usage import Usage

DEFAULT_MODEL: Final = "omni-moderation-latest"
_CATEGORIES: Final = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening"),
    *("illicit", "illicit/violent", "self-harm", "self-harm/instructions", "self-harm/intent"),
    *("sexual", "sexual/minors", "violence", "violence/graphic"),
)
_FLAGGED: Final = "violence"


def moderations(body: Any) -> Asked:
    """Read it; the model may be left out. Raises InvalidRequestError."""
    model = read_model({"model": DEFAULT_MODEL, **read_object(body)})
    texts = _texts(body.get("input"))

    def answer(behaviour: Behaviour, _error: bytes) -> Prepared:
        results = [] if behaviour.empty_choices else [_result(text) for text in texts]
        told = behaviour.upstream_model or model
        whole = to_json({"id": f"modr-{uuid4().hex}", "model": told, "results": results})
        sent = whole[: len(whole) // 2] if behaviour.malformed_json else whole
        return Prepared(None, Usage(prompt_tokens=0, completion_tokens=0), sent)

    return Asked(model, stream=False, prompt="\n".join(texts), answer=answer)


def _texts(value: Any) -> list[str]:
    """One for each result: a list of parts is one input, a list of strings several."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value:
        if all(isinstance(item, str) for item in value):
            return list(value)
        if all(isinstance(item, dict) and "type" in item for item in value):
            return ["".join(str(item.get("text", "")) for item in value)]
    raise InvalidRequestError("'input' is invalid.", "input")


def _result(text: str) -> dict[str, Any]:
    flagged = _FLAGGED in text
    hit = {name: flagged and name == _FLAGGED for name in _CATEGORIES}
    return {
        "flagged": flagged,
        "categories": hit,
        "category_scores": {name: 0.9 if is_hit else 0.01 for name, is_hit in hit.items()},
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
