"""The public document, from what each service told of its tables. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel

from services.logging.transparency.statements import (
    CAVEATS,
    DATED,
    NOT_STORED,
    SCOPE,
    STORED,
    Statement,
)
from shared.transparency.disclosure import ServiceSchema

Kind = Literal["stored", "not_stored", "caveat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one service told, and when."""

    service: str
    schema: ServiceSchema | None
    """None: it was never reached."""
    read_at: datetime | None
    is_current: bool
    """False: it could not be asked just now, and this is what it told before."""


class ServiceShown(BaseModel):
    """Whose tables are in the document, and how fresh they are."""

    is_current: bool
    """False: the service could not be asked, and what is shown of it, if anything, is older."""
    read_at: datetime | None
    tables: list[str]
    withheld: dict[str, str]
    """Tables whose columns are not shown, and why."""


class StatementShown(BaseModel):
    """One sentence."""

    id: str
    kind: Kind
    en: str
    zh: str
    tables: list[str]
    """Those that the sentence speaks of, where it does."""


class TransparencyDocument(BaseModel):
    """What is stored, what is not, and the tables with the types of their columns."""

    generated_at: date
    """When the oldest part of `tables` was read."""
    scope: str
    scope_zh: str
    stored: str
    not_stored: str
    caveats: str
    published_at: date
    """Since when it is so: the newest change of a table or of a sentence."""
    source_url: str
    tables: dict[str, dict[str, str]]
    stored_zh: str
    not_stored_zh: str
    caveats_zh: str
    statements: list[StatementShown]
    secrets: dict[str, dict[str, str]]
    """Columns that hold a secret, by table, and how each is kept."""
    services: dict[str, ServiceShown]


def document(parts: Sequence[Part], *, source_url: str, today: date) -> TransparencyDocument:
    """Of these parts; a service that was never reached has no tables in it, and it says so."""
    told = [part.schema for part in parts if part.schema is not None]
    read = [part.read_at.date() for part in parts if part.read_at is not None]
    tables = {name: columns for schema in told for name, columns in schema.tables.items()}
    return TransparencyDocument(
        generated_at=min(read, default=today),
        scope=SCOPE.en,
        scope_zh=SCOPE.zh,
        stored=_english(STORED),
        not_stored=_english(NOT_STORED),
        caveats=_english(CAVEATS),
        published_at=max([DATED, *(schema.migrated_at.date() for schema in told)]),
        source_url=source_url,
        tables=dict(sorted(tables.items())),
        stored_zh=_chinese(STORED),
        not_stored_zh=_chinese(NOT_STORED),
        caveats_zh=_chinese(CAVEATS),
        statements=[
            *_said("stored", STORED),
            *_said("not_stored", NOT_STORED),
            *_said("caveat", CAVEATS),
        ],
        secrets={name: columns for schema in told for name, columns in schema.secrets.items()},
        services={part.service: _shown(part) for part in parts},
    )


def _shown(part: Part) -> ServiceShown:
    return ServiceShown(
        is_current=part.is_current,
        read_at=part.read_at,
        tables=sorted(part.schema.tables) if part.schema else [],
        withheld=part.schema.withheld if part.schema else {},
    )


def _said(kind: Kind, statements: Iterable[Statement]) -> list[StatementShown]:
    return [
        StatementShown(id=each.id, kind=kind, en=each.en, zh=each.zh, tables=list(each.tables))
        for each in statements
    ]


def _english(statements: Iterable[Statement]) -> str:
    return " ".join(each.en for each in statements)


def _chinese(statements: Iterable[Statement]) -> str:
    return "".join(each.zh for each in statements)
