"""The document as a page for people. Pure: it has no script and loads nothing."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from services.logging.transparency.document import (
    ServiceShown,
    StatementShown,
    TransparencyDocument,
)

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.15rem 1.5rem .15rem 0}"
    "details{border:1px solid #8884;border-radius:6px;margin:.5rem 0}"
    "summary{padding:.4rem .75rem;cursor:pointer}details>div{padding:0 1rem 1rem}"
    "code{font:13px/1.4 ui-monospace,monospace}p.zh,li span{color:#777}"
)
_STYLE_SHA256: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_SHA256}'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_TITLE: Final = "What this gateway stores"
_TITLES: Final = {
    "stored": "What is stored",
    "not_stored": "What is not stored",
    "caveat": "What else to know",
}


def page(shown: TransparencyDocument, *, document_path: str) -> str:
    """The whole page."""
    return "".join(
        (
            *_head(shown, document_path),
            *_statements(shown.statements),
            "<h2>The tables</h2><p>With their columns, as the databases have them.</p>",
            *(
                line
                for service, part in shown.services.items()
                for line in _service(service, part, shown)
            ),
            "</body></html>\n",
        )
    )


def _head(shown: TransparencyDocument, document_path: str) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_TITLE}</title><style>{_STYLE}</style></head><body><h1>{_TITLE}</h1>"
    yield f"<p>{escape(shown.scope)}</p>"
    yield f'<p class="zh" lang="zh">{escape(shown.scope_zh)}</p>'
    yield f"<p>Read on {shown.generated_at}, unchanged since {shown.published_at}. For programs:"
    yield f' <a href="{escape(document_path)}">{escape(document_path)}</a>.</p>'


def _statements(statements: Iterable[StatementShown]) -> Iterator[str]:
    told = list(statements)
    for kind, title in _TITLES.items():
        yield f"<h2>{title}</h2><ul>"
        for each in told:
            if each.kind == kind:
                yield f'<li>{escape(each.en)}<br><span lang="zh">{escape(each.zh)}</span></li>'
        yield "</ul>"


def _service(service: str, part: ServiceShown, shown: TransparencyDocument) -> Iterator[str]:
    yield f"<h3>{escape(service)}</h3>"
    if not part.is_current:
        yield "<p><strong>This service cannot be asked right now.</strong> "
        yield (
            "It was not reached before, so its tables are missing here.</p>"
            if part.read_at is None
            else f"It told this at {part.read_at:%Y-%m-%d %H:%M} UTC.</p>"
        )
    for name in part.tables:
        yield from _table(name, shown.tables[name], shown.secrets.get(name, {}))
    if part.withheld:
        yield "<p>Not shown:</p><ul>"
        for name, why in part.withheld.items():
            yield f"<li><code>{escape(name)}</code>: {escape(why)}</li>"
        yield "</ul>"


def _table(name: str, columns: dict[str, str], secrets: dict[str, str]) -> Iterator[str]:
    yield f"<details><summary><code>{escape(name)}</code></summary><div><table>"
    for column, kind in columns.items():
        kept = f"secret: {secrets[column]}" if column in secrets else ""
        yield (
            f"<tr><td><code>{escape(column)}</code></td><td>{escape(kind)}</td>"
            f"<td>{escape(kept)}</td></tr>"
        )
    yield "</table></div></details>"
