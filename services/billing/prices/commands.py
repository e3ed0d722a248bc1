"""`prices …`: the calls about drafts, for who sits at the machine. Prints JSON.

What is done is done by the operator: the first user, on the address of nobody.
"""

import argparse
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
import orjson

from services.billing.audit import Admin
from services.billing.prices.drafts import (
    Proposal,
    compare,
    from_genai,
    make_draft,
    publish,
)
from services.billing.prices.file_source import FileError, read_prices_file
from services.billing.prices.genai_source import provider_ids
from services.billing.prices.price_body import in_reach
from services.billing.prices.store_drafts import read_draft
from shared.events.directory import Role
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import in_transaction
from shared.service.clock import utc_now

_OPERATOR: Final = Admin(user_id=1, name="operator", role=Role.ROOT, workspace_id=1)


def add_price_commands(parser: argparse.ArgumentParser) -> None:
    """The commands and what they take."""
    commands = parser.add_subparsers(dest="prices_command", required=True)
    genai = commands.add_parser("import-genai", help="a draft of what providers charge")
    genai.add_argument("name")
    genai.add_argument("--provider", action="append", required=True, choices=provider_ids())
    genai.add_argument("--model", action="append", help="only these (may be repeated)")
    file = commands.add_parser("import-file", help="a draft of a JSON or CSV file's prices")
    file.add_argument("name")
    file.add_argument("path", type=Path)
    for name, says in (("diff", "what a draft would change"), ("publish", "put it into the book")):
        command = commands.add_parser(name, help=says)
        command.add_argument("draft_id", type=int)
        command.add_argument("--effective-from", type=_time)
    command.add_argument("--expected-book-version", required=True, help="as the diff said")


def _time(text: str) -> datetime:
    """With a zone: nobody guesses whose midnight is meant. Raises ValueError where it is none."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time needs a zone, such as 2026-12-01T00:00:00Z")
    return in_reach(at)


async def run_price_command(pool: asyncpg.Pool, arguments: argparse.Namespace) -> int:
    """0: done; 1: refused, and why is on standard error."""
    try:
        shown = await _answer(pool, arguments)
    except (EnvelopeError, FileError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()}\n")
    return 0


async def _answer(pool: asyncpg.Pool, arguments: argparse.Namespace) -> dict[str, Any]:
    match arguments.prices_command:
        case "import-genai":
            made = from_genai(arguments.name, arguments.provider, arguments.model, utc_now())
            return await _make(pool, made)
        case "import-file":
            is_csv = arguments.path.suffix.lower() == ".csv"
            prices = read_prices_file(arguments.path.read_text("utf-8-sig"), is_csv=is_csv)
            return await _make(pool, Proposal(arguments.name, "file", prices, {}))
        case "diff":
            return await _diff(pool, arguments.draft_id, arguments.effective_from)
        case _:
            work = partial(
                publish,
                admin=_OPERATOR,
                draft_id=arguments.draft_id,
                effective_from=arguments.effective_from,
                expected_book_version=arguments.expected_book_version,
            )
            return {"versions": await in_transaction(pool, work)}


async def _make(pool: asyncpg.Pool, proposal: Proposal) -> dict[str, Any]:
    work = partial(make_draft, admin=_OPERATOR, proposal=proposal)
    return {
        "draft_id": await in_transaction(pool, work),
        "models": len(proposal.prices),
        "warnings": list(proposal.warnings),
    }


async def _diff(pool: asyncpg.Pool, draft_id: int, at: datetime | None) -> dict[str, Any]:
    draft = await read_draft(pool, draft_id)
    if draft is None:
        raise EnvelopeError("there is no such draft")
    compared = await compare(pool, draft, at)
    return {
        "prices": compared.prices._asdict(),
        "group_ratios": compared.group_ratios._asdict(),
        "warnings": draft.warnings,
        "book_version": compared.book_version,
    }
