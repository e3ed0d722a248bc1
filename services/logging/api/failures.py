"""A database that cannot answer, as the Log API tells it."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from shared.http.envelope import EnvelopeError
from shared.postgres.failures import describe_error
from shared.postgres.retrying import CommitUnknownError
from shared.telemetry.logs import get_logger

_logger = get_logger()


@contextmanager
def told_as(message: str) -> Iterator[None]:
    """Raise EnvelopeError, with the text that tools know, for whatever the database raises."""
    try:
        yield
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        CommitUnknownError,
        OSError,
        TimeoutError,
    ) as error:
        _logger.warning("log_api.failed", **describe_error(error))
        raise EnvelopeError(message) from None
