"""What control answers when the database is away, and how its refusals read."""

from aiohttp import web

from shared.http.envelope import EnvelopeError, Handler
from shared.postgres.failures import describe_error, is_connection_lost
from shared.postgres.retrying import CommitUnknownError
from shared.telemetry.logs import get_logger

_logger = get_logger()
_AWAY = "the database cannot be reached right now; try again"
_UNKNOWN = "the connection was lost while saving; look whether it was saved"


@web.middleware
async def database_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell a lost database (503, worth trying again) from a fault of ours (500)."""
    try:
        return await handler(request)
    except CommitUnknownError:
        raise EnvelopeError(_UNKNOWN, http_status=503) from None
    except Exception as error:
        if not is_connection_lost(error):
            raise
        _logger.warning("api.database_away", **describe_error(error))
        raise EnvelopeError(_AWAY, http_status=503) from None


def not_found(what: str) -> EnvelopeError:
    """The answer for a thing that is not there, or not the caller's."""
    return EnvelopeError(f"{what} not found")
