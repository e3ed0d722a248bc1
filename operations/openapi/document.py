"""From the services' tables of calls to one OpenAPI 3.1 document. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from operations.openapi.answers import TEXTS, failures, success, text
from shared.http.described import Answer, Described, Who

_REFERENCE: Final = "#/components/schemas/{model}"
_VARIABLE: Final = re.compile(r"\{([a-z_]+)\}")
_ID: Final = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_SECURITY: Final[Mapping[Who, list[dict[str, list[str]]]]] = {
    Who.ANYONE: [],
    Who.KEY: [{"apiKey": []}],
    Who.USER: [{"session": []}, {"accessToken": []}],
    Who.USER_OR_KEY: [{"session": []}, {"accessToken": []}, {"apiKey": []}],
    Who.ADMIN: [{"session": []}, {"accessToken": []}],
}
_SCHEMES: Final = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key, `sk-…`."},
    "anthropicKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "session": {"type": "http", "scheme": "bearer", "description": "From `/api/user/login`."},
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The 32 characters of `/api/user/token`.",
    },
}


class Document:
    """Collects calls, and the schemas that they name."""

    def __init__(self, *, title: str, version: str, about: str, answers: Mapping[str, Any]) -> None:
        """`answers` are those that operations refer to."""
        self._info = {"title": title, "version": version, "description": about}
        self._paths: dict[str, dict[str, Any]] = {}
        self._schemas: dict[str, Any] = {}
        self._seen: dict[str, Any] = {}
        self._answers = answers

    def add(self, calls: Iterable[Described], *, tag: str) -> None:
        """Describe the calls of one area."""
        for call in calls:
            self.add_operation(call.method, call.path, self._operation(call) | {"tags": [tag]})

    def add_operation(self, method: str, path: str, operation: dict[str, Any]) -> None:
        """Describe a call that is no `Described` one. Raises ValueError for one that is there."""
        operations = self._paths.setdefault(path, {})
        if method.lower() in operations:
            raise ValueError(f"{method} {path} is described twice")
        operations[method.lower()] = {
            "operationId": f"{method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', path)}",
            **operation,
        }

    def whole(self) -> dict[str, Any]:
        """The document."""
        return {
            "openapi": "3.1.0",
            "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
            "info": {**self._info, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
            "servers": [{"url": "/"}],
            "paths": dict(sorted(self._paths.items())),
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "responses": dict(sorted(self._answers.items())),
                "securitySchemes": _SCHEMES,
            },
        }

    def schema_of(self, kind: Any, mode: JsonSchemaMode) -> dict[str, Any]:
        """The schema of a type that is read or written; models that it names become components.

        Raises ValueError where another type has a component's name.
        """
        schema = TypeAdapter(kind).json_schema(ref_template=_REFERENCE, mode=mode)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            name = re.sub(r"[^A-Za-z0-9_]", "_", kind.__name__)
            schema = {
                "$ref": _REFERENCE.format(model=name),
                "$defs": schema.pop("$defs", {}) | {name: schema},
            }
        for name, component in schema.pop("$defs", {}).items():
            if self._seen.setdefault(name, component) != component:
                raise ValueError(f"two different types are called {name}")
            self._schemas.setdefault(name, component)
        return schema

    def _operation(self, call: Described) -> dict[str, Any]:
        is_bare = call.answer is Answer.BARE
        operation: dict[str, Any] = {
            "summary": call.summary,
            "description": f"For {call.who.value}.",
            "security": _SECURITY[call.who],
            "parameters": [*_path_parameters(call), *self._query_parameters(call.query)],
            "responses": {
                "200": text(call.answer) if call.answer in TEXTS else self._success(call),
                **failures(call.who, also=call.statuses, is_bare=is_bare),
            },
        }
        if call.body is not None:
            schema = self.schema_of(call.body, "validation")
            if call.method == "PUT":
                self._forget_defaults(schema["$ref"])
            operation["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": schema}},
            }
        return operation

    def _success(self, call: Described) -> dict[str, Any]:
        data = None if call.data is None else self.schema_of(call.data, "serialization")
        return success(data, is_bare=call.answer is Answer.BARE)

    def _forget_defaults(self, reference: str) -> None:
        """What a change does not name stays as it is: its fields have no defaults."""
        name = reference.rpartition("/")[2]
        properties = {
            field: {key: value for key, value in schema.items() if key != "default"}
            for field, schema in self._schemas[name]["properties"].items()
        }
        self._schemas[name] = {**self._schemas[name], "properties": properties}

    def _query_parameters(self, query: type[BaseModel] | None) -> list[dict[str, Any]]:
        if query is None:
            return []
        reference = self.schema_of(query, "validation")["$ref"]
        schema = self._schemas.pop(reference.rpartition("/")[2])
        required = schema.get("required", ())
        return [
            {"name": name, "in": "query", "required": name in required, "schema": field}
            for name, field in schema["properties"].items()
        ]


def _path_parameters(call: Described) -> list[dict[str, Any]]:
    patterns = dict(call.path_types)
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": patterns[name]} if name in patterns else _ID,
        }
        for name in _VARIABLE.findall(call.path)
    ]
