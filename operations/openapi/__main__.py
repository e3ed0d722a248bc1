"""`python -P -m operations.openapi`: the OpenAPI document of all public routes, and its page.

Both are written beside the relay, which serves them as `/openapi.json` and `/docs`.
"""

import json
from pathlib import Path
from typing import Any, Final

from operations.openapi import answers, relayed
from operations.openapi.document import Document
from operations.openapi.page import page_of
from operations.openapi.tables import TABLES
from services.relay.api.documentation import DOCUMENT, PAGE
from services.relay.version import VERSION

_ABOUT: Final = (
    "The calls of Ledgerline's public door. `/v1/*` is spoken in the providers' dialects, with an"
    " API key; `/api/*` in the envelope `{success, message, data}`, where a failure is HTTP 200"
    " with `success: false`, as existing tools expect, except where another status is listed."
)


def document() -> dict[str, Any]:
    """The document, from the tables as they are now."""
    made = Document(
        title="Ledgerline",
        version=VERSION,
        about=_ABOUT,
        answers=answers.shared_answers() | relayed.shared_answers(),
    )
    for method, path, operation in relayed.operations():
        made.add_operation(method, path, operation)
    for tag, calls in TABLES.items():
        made.add(calls, tag=tag)
    return made.whole()


def files() -> dict[Path, str]:
    """What is written, by where."""
    whole = document()
    return {
        DOCUMENT: json.dumps(whole, indent=1, ensure_ascii=False) + "\n",
        PAGE: page_of(whole),
    }


def main() -> None:
    """Write both."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
