"""`POST /v1/embeddings`: vectors of length 1 that depend on nothing but the input."""

import base64
import hashlib
import math
import random
import struct
from collections.abc import Sequence
from typing import Any, Final

from deploy.simulator.call import Asked, Prepared
from deploy.simulator.errors import InvalidRequestError
from deploy.simulator.fields import read_count, read_model, read_object
from deploy.simulator.json_text import to_json
from deploy.simulator.misbehaviour import Behaviour, split_model
from deploy.simulator.prompts import Prompt, count_tokens, read_prompts, text_of
from deploy.simulator.usage import Usage, embeddings_usage_json

_DIMENSIONS: Final = {"text-embedding-3-large": 3072}
_USUAL_DIMENSIONS: Final = 1536
_SHORTENABLE: Final = "text-embedding-3-"
_MAX_INPUTS: Final = 2048
_MAX_INPUT_TOKENS: Final = 8192
_FORMATS: Final = ("float", "base64")


def embeddings(body: Any) -> Asked:
    """Read it. Raises InvalidRequestError."""
    read_object(body)
    model = read_model(body)
    inputs = _inputs(body)
    dimensions = _dimensions(body, split_model(model)[0])
    encoding = body.get("encoding_format", "float")
    if encoding not in _FORMATS:
        raise InvalidRequestError("'encoding_format' is 'float' or 'base64'.", "encoding_format")

    def answer(behaviour: Behaviour, _error: bytes) -> Prepared:
        usage = Usage(prompt_tokens=sum(map(count_tokens, inputs)), completion_tokens=0)
        vectors = [] if behaviour.empty_choices else [_vector(text, dimensions) for text in inputs]
        whole: dict[str, Any] = {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding)}
                for index, vector in enumerate(vectors)
            ],
            "model": behaviour.upstream_model or model,
        }
        if not behaviour.no_usage:
            whole["usage"] = embeddings_usage_json(usage, behaviour)
        sent = to_json(whole)
        return Prepared(None, usage, sent[: len(sent) // 2] if behaviour.malformed_json else sent)

    return Asked(model, stream=False, prompt=text_of(inputs), answer=answer)


def _inputs(body: dict[str, Any]) -> list[Prompt]:
    inputs = read_prompts(body.get("input"), "input")
    if len(inputs) > _MAX_INPUTS:
        raise InvalidRequestError(f"'input' has {_MAX_INPUTS} items at most.", "input")
    if any(not each for each in inputs):
        raise InvalidRequestError("'input' cannot be an empty string.", "input")
    if any(count_tokens(each) > _MAX_INPUT_TOKENS for each in inputs):
        raise InvalidRequestError(f"An input has {_MAX_INPUT_TOKENS} tokens at most.", "input")
    return inputs


def _dimensions(body: dict[str, Any], model: str) -> int:
    most = _DIMENSIONS.get(model, _USUAL_DIMENSIONS)
    if "dimensions" in body and not model.startswith(_SHORTENABLE):
        raise InvalidRequestError("This model has no 'dimensions'.", "dimensions")
    return read_count(body, "dimensions", at_most=most) or most


def _vector(text: Prompt, dimensions: int) -> Sequence[float]:
    seed = hashlib.sha256(repr(text).encode("utf-8", "surrogatepass")).digest()
    chance = random.Random(seed)  # noqa: S311 - the same input shall have the same vector
    raw = [chance.uniform(-1, 1) for _ in range(dimensions)]
    length = math.sqrt(sum(value * value for value in raw))
    return [value / length for value in raw]


def _encoded(vector: Sequence[float], encoding: str) -> Any:
    if encoding == "float":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
