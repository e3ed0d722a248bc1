"""The public document and its page, from what services told."""

import json
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

import services.logging
from services.logging.transparency.document import Part, document
from services.logging.transparency.page import CONTENT_SECURITY_POLICY, page
from services.logging.transparency.statements import (
    CAVEATS,
    DATED,
    NOT_STORED,
    SCOPE,
    STORED,
    Statement,
)
from shared.transparency.disclosure import ServiceSchema

_REFERENCE = [
    *("generated_at", "scope", "scope_zh", "stored", "not_stored", "caveats"),
    *("published_at", "source_url", "tables"),
]
"""The keys of the source's document, in its order."""
_READ_AT = datetime(2026, 12, 5, 23, 59, tzinfo=UTC)
_TODAY = date(2026, 12, 6)
_STRANGE = '<script>"&'


def _schema(
    tables: dict[str, dict[str, str]], secrets: dict[str, dict[str, str]] | None = None
) -> ServiceSchema:
    return ServiceSchema(
        tables=tables,
        secrets=secrets or {},
        withheld={"event_outbox": f"On its way {_STRANGE}."},
        migrated_at=datetime(2026, 12, 1, tzinfo=UTC),
    )


def _part(service: str, schema: ServiceSchema | None, *, is_current: bool = True) -> Part:
    return Part(
        service=service,
        schema=schema,
        read_at=None if schema is None else _READ_AT,
        is_current=is_current,
    )


_TOKENS = {"id": "bigint", "key_hash": "bytea"}
_KEPT = {"tokens": {"key_hash": "SHA-256"}}
_LOGS = {"id": "bigint", _STRANGE: _STRANGE}
_PARTS = (
    _part("control", _schema({"tokens": _TOKENS}, _KEPT), is_current=False),
    _part("billing", None, is_current=False),
    _part("logging", _schema({"logs": _LOGS})),
)
_SHOWN = document(_PARTS, source_url="https://llm.example/transparency/schema.json", today=_TODAY)


def test_it_has_the_source_s_shape() -> None:
    told = json.loads(_SHOWN.model_dump_json())
    assert list(told)[: len(_REFERENCE)] == _REFERENCE
    reference = Path(services.logging.__file__).parents[3] / "shared/reference/gateway-schema.json"
    if reference.exists():  # it lies beside the checkout, and not in it
        source = json.loads(reference.read_text())
        assert list(source) == _REFERENCE
        assert {key: type(told[key]) for key in source} == {
            key: type(source[key]) for key in source
        }
    assert told["tables"] == {"logs": _LOGS, "tokens": _TOKENS}
    assert told["secrets"] == _KEPT
    assert told["generated_at"] == "2026-12-05"
    assert told["source_url"] == "https://llm.example/transparency/schema.json"


def test_it_is_published_when_a_table_or_a_sentence_changed_last() -> None:
    assert date(2026, 12, 1) == _SHOWN.published_at
    assert document((), source_url="", today=_TODAY).published_at == DATED
    assert document((), source_url="", today=_TODAY).generated_at == _TODAY


def test_it_says_which_services_could_not_be_asked() -> None:
    told = _SHOWN.services
    assert [(each.is_current, each.read_at, each.tables) for each in told.values()] == [
        (False, _READ_AT, ["tokens"]),
        (False, None, []),
        (True, _READ_AT, ["logs"]),
    ]


@pytest.mark.parametrize("statement", [SCOPE, *STORED, *NOT_STORED, *CAVEATS], ids=lambda s: s.id)
def test_each_sentence_is_there_in_both_languages(statement: Statement) -> None:
    english = (_SHOWN.scope, _SHOWN.stored, _SHOWN.not_stored, _SHOWN.caveats)
    chinese = (_SHOWN.scope_zh, _SHOWN.stored_zh, _SHOWN.not_stored_zh, _SHOWN.caveats_zh)
    assert statement.en.endswith(".")
    assert statement.zh.endswith("。")
    assert statement.en in " ".join(english)
    assert statement.zh in " ".join(chinese)


def test_ids_of_sentences_are_unique() -> None:
    ids = [each.id for each in _SHOWN.statements]
    assert len(set(ids)) == len(ids) == len(STORED) + len(NOT_STORED) + len(CAVEATS)


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_everything_and_runs_nothing() -> None:
    seen = _Seen()
    seen.feed(page(_SHOWN, document_path="/transparency/schema.json"))
    assert seen.open == []
    assert not seen.tags & {"script", "iframe", "img", "form", "link"}
    assert "script-src" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")
    for each in _SHOWN.statements:
        assert each.en in seen.text
        assert each.zh in seen.text
    for told in (_STRANGE, "key_hash", "bytea", "secret: SHA-256", "event_outbox", "2026-12-05"):
        assert told in seen.text
    assert "It told this at 2026-12-05 23:59 UTC." in seen.text
    assert "its tables are missing here" in seen.text
