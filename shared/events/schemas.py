"""`python -P -m shared.events.schemas`: the contract's documents, made from the models.

Writes a JSON Schema (2020-12) for each event to `docs/events/schemas/`, the AsyncAPI 3 document of
all topics to `docs/events/asyncapi.json`, and the catalogue's picture to `docs/events/flow.md`. It
refuses to replace a schema by one that is not compatible with it: then a new version of the event
is needed, beside the old one.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from shared.events.asyncapi import asyncapi
from shared.events.catalog import CATALOG
from shared.events.compatibility import incompatibilities
from shared.events.event import Event
from shared.events.flow import flow_page

DOCS: Final = Path(__file__).resolve().parents[2] / "docs" / "events"
DIALECT: Final = GenerateJsonSchema.schema_dialect


def events() -> Iterator[type[Event]]:
    """Every event of the catalogue, once."""
    yield from dict.fromkeys(event for topic in CATALOG for event in topic.events)


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's value, as a reader must accept it."""
    return {"$schema": DIALECT, "$id": f"urn:{event.TYPE}", **event.model_json_schema()}


def schema_path(event: type[Event], docs: Path = DOCS) -> Path:
    """Where the event's schema is kept."""
    return docs / "schemas" / f"{event.TYPE}.json"


def documents(docs: Path = DOCS) -> dict[Path, str]:
    """Every document, whole, by where it is kept."""
    made = {schema_path(event, docs): _text(schema_of(event)) for event in events()}
    return {
        **made,
        docs / "asyncapi.json": _text(asyncapi(CATALOG)),
        docs / "flow.md": flow_page(CATALOG),
    }


def refusals(docs: Path = DOCS) -> list[str]:
    """What in the models breaks readers or records of the schemas that are kept."""
    found = []
    for event in events():
        path = schema_path(event, docs)
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            found += [f"{event.TYPE}: {each}" for each in incompatibilities(kept, schema_of(event))]
    return found


def main(docs: Path = DOCS) -> int:
    """Write the documents. Exit code 1, and nothing written, where a change is incompatible."""
    if refused := refusals(docs):
        sys.stderr.write("\n".join(["incompatible changes:", *refused]) + "\n")
        return 1
    for path, text in documents(docs).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
