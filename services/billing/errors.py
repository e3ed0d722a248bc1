"""What billing answers when the database is away or in the way."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from aiohttp import web

from shared.http.envelope import EnvelopeError, Handler
from shared.postgres.failures import Failure, classify, describe_error, is_connection_lost
from shared.postgres.retrying import CommitUnknownError
from shared.telemetry.logs import get_logger

_logger = get_logger()


@contextmanager
def database_told() -> Iterator[None]:
    """Turn a lost or a busy database into EnvelopeError 503: worth asking again, or for less."""
    try:
        yield
    except CommitUnknownError:
        message = "the connection was lost while saving; ask again with the same key"
        raise EnvelopeError(message, http_status=503) from None
    except asyncpg.QueryCanceledError as error:
        _logger.warning("api.took_too_long", **describe_error(error))
        raise EnvelopeError("this takes too long; ask for less", http_status=503) from None
    except Exception as error:
        if not is_connection_lost(error) and classify(error) is not Failure.CONFLICT:
            raise
        _logger.warning("api.database_away", **describe_error(error))
        raise EnvelopeError("the database does not answer; try again", http_status=503) from None


@web.middleware
async def database_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The same for every handler of `/api`."""
    with database_told():
        return await handler(request)
