"""What is asked of the command, checked before anything is opened."""

import argparse
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from services.billing.what_if.choosing import Question
from services.billing.what_if.store_charges import ChargesOf
from shared.events.numbers import MAX_ID
from shared.events.text import ModelName
from shared.service.clock import utc_now

CHUNK: Final = 5_000
_MAX_CHUNK: Final = 100_000
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MODEL: Final = TypeAdapter(ModelName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, whom to ask, and how to answer."""

    source: str
    """`entries` or `kafka`."""
    question: Question
    postgres_dsn: str
    kafka: str
    state: str
    """The path of the state's file; empty: none is kept."""
    chunk: int
    format: str

    def as_json(self) -> dict[str, Any]:
        """What a state is of: who asks otherwise asks something else."""
        charges, question = self.question.charges, self.question
        at = question.version_at
        return {
            "source": self.source,
            "since": charges.from_at.isoformat(),
            "until": charges.to_at.isoformat(),
            "workspace_id": charges.workspace_id,
            "model": charges.model,
            "version_at": None if at is None else at.isoformat(),
            "draft_id": question.draft_id,
        }


def parse(arguments: list[str]) -> Asked:
    """Read the arguments; ends the process with 2 and a message where they are wrong."""
    parser = _parser()
    told = parser.parse_args(arguments)
    if told.since >= told.until:
        parser.error("--since must be before --until")
    if told.until > utc_now():
        parser.error("--until must be past: what is still to come cannot be rated again")
    if not told.postgres_dsn:
        parser.error("--postgres-dsn is needed, or LEDGERLINE_RECONCILE_DSN")
    if told.source == "kafka" and not told.kafka:
        parser.error("--kafka is needed, or LEDGERLINE_KAFKA_BOOTSTRAP")
    return Asked(
        source=told.source,
        question=Question(
            charges=ChargesOf(told.since, told.until, told.workspace, told.model),
            version_at=told.version_at,
            draft_id=told.draft,
        ),
        postgres_dsn=told.postgres_dsn,
        kafka=told.kafka or "",
        state=told.state,
        chunk=told.chunk,
        format=told.format,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m operations.what_if", description=__doc__)
    add = parser.add_argument
    add("--from", dest="source", required=True, choices=("entries", "kafka"), help="what to read")
    add("--since", type=_time, required=True, help="Unix seconds or ISO 8601 (UTC)")
    add("--until", type=_time, required=True, help="the same; the period is without its end")
    prices = parser.add_mutually_exclusive_group(required=True)
    prices.add_argument("--version-at", type=_time, help="with the prices that held then")
    prices.add_argument("--draft", type=_id, metavar="ID", help="with a draft's")
    add("--workspace", type=_id, metavar="ID", help="this one only")
    add("--model", type=_model, help="this one only")
    add("--state", default="", metavar="FILE", help="where to keep how far it is, to go on from")
    add("--chunk", type=_chunk, default=CHUNK, help=f"requests between two savings ({CHUNK:,})")
    add("--format", choices=("text", "json", "csv"), default="text")
    add(
        "--kafka",
        default=os.environ.get("LEDGERLINE_KAFKA_BOOTSTRAP"),
        help="host:port of Kafka (LEDGERLINE_KAFKA_BOOTSTRAP)",
    )
    add(
        "--postgres-dsn",
        default=os.environ.get("LEDGERLINE_RECONCILE_DSN"),
        help="address of the database for the role `reconcile` (LEDGERLINE_RECONCILE_DSN)",
    )
    return parser


def _time(text: str) -> datetime:
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        at = datetime.fromisoformat(text)
        at = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError("give Unix seconds or ISO 8601") from None
    if at < _EPOCH:
        raise argparse.ArgumentTypeError("give a time since 1970")
    return at


def _id(text: str) -> int:
    return _between(text, MAX_ID)


def _chunk(text: str) -> int:
    return _between(text, _MAX_CHUNK)


def _between(text: str, most: int) -> int:
    # Longer than any of them: not turned into a number at all.
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:20]) <= most):
        raise argparse.ArgumentTypeError(f"give a number from 1 to {most}")
    return int(text)


def _model(text: str) -> str:
    try:
        return _MODEL.validate_python(text)
    except ValidationError:
        raise argparse.ArgumentTypeError("no model can have this name") from None
