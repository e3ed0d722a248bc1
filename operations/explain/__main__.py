"""`python -P -m operations.explain REQUEST_ID`: why a request went and cost as it did.

REQUEST_ID is ours (`x-request-id` of the answer), or the one that its upstream gave. Only reads.
Exit code 0: told. 1: nobody knows the request. 2: the database could not be read.
"""

import argparse
import asyncio
import json
import os
import re
import sys

import asyncpg

from operations.explain.page import page
from operations.explain.reading import Explanation, read_explanation
from shared.postgres.failures import describe_error

_CONNECT_TIMEOUT_S = 10.0
# No stored id has these, and the database refuses some of them.
_NO_ID = re.compile("[\u0000-\u001f\u007f\ud800-\udfff]")


def main(arguments: list[str]) -> int:
    """The command; answers its exit code."""
    asked = _parser().parse_args(arguments)
    if not asked.postgres_dsn:
        print("--postgres-dsn is needed, or its variable", file=sys.stderr)
        return 2
    try:
        told = asyncio.run(_read(asked.postgres_dsn, asked.request_id))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"PostgreSQL could not be read: {describe_error(error)}", file=sys.stderr)
        return 2
    if told is None:
        print("nobody knows a request with this id", file=sys.stderr)
        return 1
    if asked.json:
        print(json.dumps(told._asdict(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(page(told)))
    return 0


async def _read(dsn: str, request_id: str) -> Explanation | None:
    if _NO_ID.search(request_id):
        return None
    connection = await asyncpg.connect(
        dsn, timeout=_CONNECT_TIMEOUT_S, server_settings={"application_name": "explain"}
    )
    try:
        return await read_explanation(connection, request_id)
    finally:
        await connection.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m operations.explain", description=__doc__)
    parser.add_argument("request_id", help="our id, or the upstream's")
    parser.add_argument(
        "--postgres-dsn",
        default=os.environ.get("LEDGERLINE_RECONCILE_DSN"),
        help="address of the database for the role `reconcile` (LEDGERLINE_RECONCILE_DSN)",
    )
    parser.add_argument("--json", action="store_true", help="everything, as one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
