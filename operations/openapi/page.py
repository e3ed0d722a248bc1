"""The OpenAPI document as a page for people: plain HTML, without a script. Pure."""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; } details { border: 1px solid #8884; border-radius: 6px; margin: .5rem 0; }
summary { padding: .5rem .75rem; cursor: pointer; } details > div { padding: 0 1rem 1rem; }
code { font: 13px/1.4 ui-monospace, monospace; } b.method { display: inline-block; width: 4.5em; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem 1rem .15rem 0; }
""".strip()


def page_of(document: dict[str, Any]) -> str:
    """The whole page."""
    info = document["info"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['description'])}</p>",
        '<p>The document itself: <a href="/openapi.json">/openapi.json</a>.</p>',
    ]
    for tag, operations in _by_tag(document).items():
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts.extend("".join(_operation(document, *each)) for each in operations)
    return "\n".join([*parts, "</body></html>", ""])


def _by_tag(document: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    tags: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tags.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return dict(sorted(tags.items()))


def _operation(
    document: dict[str, Any], method: str, path: str, operation: dict[str, Any]
) -> Iterator[str]:
    yield f'<details><summary><b class="method">{method}</b> <code>{escape(path)}</code> '
    yield f"{escape(operation['summary'])}</summary><div>"
    yield f"<p>{escape(operation['description'])}</p>"
    if parameters := operation.get("parameters"):
        yield "<table><tr><th>Parameter</th><th>In</th><th>Type</th></tr>"
        for parameter in parameters:
            yield f"<tr><td><code>{escape(parameter['name'])}</code></td>"
            yield f"<td>{parameter['in']}</td><td>{escape(_kind(parameter['schema']))}</td></tr>"
        yield "</table>"
    if body := operation.get("requestBody"):
        schema = body["content"]["application/json"]["schema"]
        yield "<p>Body:</p><table>"
        for name, field in schema.get("properties", {}).items():
            needed = "required" if name in schema.get("required", ()) else ""
            yield f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(field))}</td>"
            yield f"<td>{needed}</td></tr>"
        yield "</table>"
    yield "<table><tr><th>Status</th><th>Means</th></tr>"
    for status, answer in operation["responses"].items():
        name = answer.get("$ref", "").rpartition("/")[2]
        told = document["components"]["responses"][name] if name else answer
        yield f"<tr><td>{status}</td><td>{escape(told['description'])}</td></tr>"
    yield "</table></div></details>"


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(_kind, schema[several])))
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = schema.get("type", "any")
    kind = ", ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{kind} of {_kind(schema['items'])}" if "items" in schema else kind
