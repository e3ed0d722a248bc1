"""`python -P -m operations.what_if`: what a past period would have cost with other prices.

Exit code 0: said. 2: it could not be said, and why. A run with `--state` that was stopped or killed
goes on where it was, by the same command.
"""

import asyncio
import logging
import sys
from contextlib import AsyncExitStack
from functools import partial

import asyncpg

from operations.what_if.asked import Asked, parse
from operations.what_if.entries import Entries
from operations.what_if.printing import printed
from operations.what_if.progress import Progress
from operations.what_if.running import run
from operations.what_if.source import CannotBeSaidError, Source
from operations.what_if.state import State
from operations.what_if.topic import Topic
from services.billing.what_if.choosing import chosen_prices
from shared.http.envelope import EnvelopeError
from shared.kafka.spans import SpanReader, SpanUnavailableError
from shared.postgres.failures import describe_error

_CONNECT_TIMEOUT_S = 10.0
_STOPPED = 130


def main(arguments: list[str]) -> int:
    """The command; answers its exit code."""
    asked = parse(arguments)
    # Its warnings would stand between the lines of progress; what matters is raised.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        with State.at(asked.state, asked.as_json()) as state:
            if not state.is_done:
                asyncio.run(_rate(asked, state))
            for line in printed(state, asked.format):
                print(line)
    except CannotBeSaidError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return _STOPPED
    return 0


async def _rate(asked: Asked, state: State) -> None:
    try:
        await _run(asked, state)
    except EnvelopeError as error:
        raise CannotBeSaidError(error.message) from None
    except SpanUnavailableError as error:
        raise CannotBeSaidError(f"Kafka could not be read: {error}") from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        said = f"PostgreSQL could not be read: {describe_error(error)}"
        raise CannotBeSaidError(said) from None


async def _run(asked: Asked, state: State) -> None:
    async with AsyncExitStack() as opened:
        connection = await asyncpg.connect(
            asked.postgres_dsn,
            timeout=_CONNECT_TIMEOUT_S,
            server_settings={"application_name": "what_if", "search_path": "billing"},
        )
        opened.push_async_callback(connection.close)
        source: Source
        if asked.source == "kafka":
            reader = SpanReader(bootstrap=asked.kafka, client_id="what-if")
            source = Topic(await opened.enter_async_context(reader), asked.question.charges)
        else:
            source = Entries(connection, asked.question.charges)
        prices = partial(chosen_prices, connection, asked.question)
        await run(state, source, prices, chunk=asked.chunk, tell=Progress(sys.stderr))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
