"""The operations of `/v1/*`: bodies and answers in the providers' dialects. Pure."""

from typing import Any, Final

from operations.openapi.answers import refer
from services.relay.described import RELAYED, RelayedCall
from services.relay.dialects.calls import CALLS, MODELS_PATH
from services.relay.dialects.dialect import Call, Dialect

_JSON: Final = "application/json"
_OBJECT: Final[dict[str, Any]] = {"type": "object"}
_TEXT: Final = {"type": "string"}
_ERRORS: Final[dict[str, Any]] = {
    "openai": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type"],
                "properties": {
                    "message": _TEXT,
                    "type": {"type": ["string", "null"]},
                    "param": {},
                    "code": {},
                },
            }
        },
    },
    "anthropic": {
        "type": "object",
        "required": ["type", "error"],
        "properties": {
            "type": {"const": "error"},
            "error": {
                "type": "object",
                "required": ["type", "message"],
                "properties": {"type": _TEXT, "message": _TEXT},
            },
            "request_id": {"type": ["string", "null"]},
        },
    },
}
_STATUSES: Final = {
    "400": "The request cannot be read, or a field that decides is wrong.",
    "401": "The key is missing, unknown, disabled or expired.",
    "403": "The balance or the key's quota is short, or the key may not do this.",
    "404": "The model does not exist or the key's group may not use it.",
    "405": "The call does not take this method.",
    "408": "The request's body did not arrive in time.",
    "413": "The request's body is too large.",
    "429": "A limit is reached; `Retry-After` says when to try again.",
    "4XX": "The provider's own error, with its status.",
    "502": "The provider could not be reached, or its answer was cut.",
    "503": "No channel serves the model right now, or the balance cannot be checked.",
    "504": "The provider did not answer in time.",
    "5XX": "The provider's own error, with its status.",
}
_EITHER: Final = "either"
_MODEL: Final = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": _TEXT},
}
_MODELS: Final = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "array", "items": _MODEL}},
}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of each call."""
    relayed = [("POST", call.path, _relayed(call, RELAYED[call.path])) for call in CALLS]
    return [
        *relayed,
        ("GET", MODELS_PATH, _models("The models that the key may use", _MODELS)),
        (
            "GET",
            MODELS_PATH + "/{id}",
            _models("One of them", _MODEL)
            | {"parameters": [{"name": "id", "in": "path", "required": True, "schema": _TEXT}]},
        ),
    ]


def _relayed(call: Call, told: RelayedCall) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "object",
        "required": list(told.fields),
        "properties": {name: {"type": kind} for name, kind in told.fields.items()},
        "additionalProperties": True,
    }
    content: dict[str, Any] = {_JSON: {"schema": _OBJECT}}
    if told.streams:
        body["properties"]["stream"] = {"type": ["boolean", "null"]}
        content["text/event-stream"] = {}
    return {
        "summary": told.summary,
        "description": "The body's other fields are the provider's, and go on as they are.",
        "tags": [call.dialect.name],
        "security": _security(call.dialect),
        "parameters": [
            {
                "name": "X-Ledgerline-Tags",
                "in": "header",
                "required": False,
                "description": "Up to ten pairs for your reports, such as `team=search, env=prod`.",
                "schema": {
                    "type": "string",
                    "pattern": r"^([A-Za-z0-9_.:-]{1,32}=[A-Za-z0-9_.:-]{1,64})?$",
                },
            }
        ],
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": body, "example": told.example}},
        },
        "responses": {
            "200": {"description": "The provider's answer.", "content": content},
            **_failures(call.dialect.name),
        },
    }


def _models(summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "description": "Who sends `anthropic-version` is answered in Anthropic's shape.",
        "tags": ["openai"],
        "security": [{"apiKey": []}, {"anthropicKey": []}],
        "responses": {
            "200": {"description": "Models.", "content": {_JSON: {"schema": schema}}},
            **_failures(_EITHER),
        },
    }


def shared_answers() -> dict[str, Any]:
    """The failures that the operations refer to."""
    schemas = _ERRORS | {_EITHER: {"anyOf": list(_ERRORS.values())}}
    return {
        f"{kind}.{status}": {"description": why, "content": {_JSON: {"schema": schema}}}
        for kind, schema in schemas.items()
        for status, why in _STATUSES.items()
    }


def _failures(kind: str) -> dict[str, Any]:
    return {status: refer(kind, status) for status in _STATUSES}


def _security(dialect: Dialect) -> list[dict[str, list[str]]]:
    bearer: list[dict[str, list[str]]] = [{"apiKey": []}]
    return [{"anthropicKey": []}, *bearer] if dialect.name == "anthropic" else bearer
