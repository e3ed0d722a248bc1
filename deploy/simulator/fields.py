"""Reading single fields of a request's body."""

from collections.abc import Mapping
from typing import Any

from deploy.simulator.errors import InvalidRequestError


def read_object(body: Any) -> dict[str, Any]:
    """The body, if it is an object. Raises InvalidRequestError."""
    if not isinstance(body, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    return body


def read_model(body: Mapping[str, Any]) -> str:
    """The model's name. Raises InvalidRequestError."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequestError("you must provide a model parameter", "model")
    return model


def read_count(body: Mapping[str, Any], name: str, *, at_most: int | None = None) -> int | None:
    """A positive integer, or null where there is none. Raises InvalidRequestError."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequestError(f"'{name}' must be a positive integer.", name)
    if at_most is not None and value > at_most:
        raise InvalidRequestError(f"'{name}' may be {at_most} at most.", name)
    return value


def asks_usage(body: Mapping[str, Any]) -> bool:
    """Whether a stream shall tell its usage."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
