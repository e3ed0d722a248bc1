"""What a database error means for the one who got it.

environment   the server or the way to it: the same work succeeds once that is mended
  conflict    another transaction was in the way: the same work succeeds at once, or nearly
data          these values are refused: the same work never succeeds
"""

from enum import StrEnum
from typing import Final

import asyncpg


class Failure(StrEnum):
    """The three ways in which work in the database fails."""

    CONFLICT = "conflict"
    DATA = "data"
    ENVIRONMENT = "environment"


_CONFLICTS: Final = frozenset({"40001", "40P01", "55P03"})
_DATA_CLASSES: Final = frozenset({"21", "22", "23"})
STATEMENT_TIMEOUT: Final = "57014"
LOCK_TIMEOUT: Final = "55P03"


def classify(error: BaseException) -> Failure | None:
    """What kind of failure this is; None when it did not come from the database.

    Anything that is not known to be about the values counts as the environment: a missing table or
    a full disk must hold work up and be seen, not drop it.
    """
    sqlstate = sqlstate_of(error)
    if sqlstate is not None:
        if sqlstate in _CONFLICTS:
            return Failure.CONFLICT
        if sqlstate[:2] in _DATA_CLASSES:
            return Failure.DATA
        return Failure.ENVIRONMENT
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg refuses a value that it cannot encode with an error that is a ValueError too.
        return Failure.DATA if isinstance(error, ValueError) else Failure.ENVIRONMENT
    if isinstance(error, OSError | TimeoutError | asyncpg.InternalClientError):
        return Failure.ENVIRONMENT
    return None


def is_connection_lost(error: BaseException) -> bool:
    """Whether the session is gone, so that the outcome of what was asked last is not known."""
    sqlstate = sqlstate_of(error)
    if sqlstate is not None:
        return sqlstate[:2] == "08" or sqlstate[:3] == "57P" or sqlstate == "25P03"
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)
    return isinstance(error, OSError | TimeoutError | asyncpg.InternalClientError)


def sqlstate_of(error: BaseException) -> str | None:
    """The SQLSTATE, where the error has one."""
    sqlstate = getattr(error, "sqlstate", None)
    return sqlstate if isinstance(sqlstate, str) else None


def describe_error(error: BaseException) -> dict[str, str]:
    """What of an error may be logged: its type, SQLSTATE, and names from the schema.

    Never the message, DETAIL or the arguments: they quote rows.
    """
    described = {"error": type(error).__name__}
    for field, attribute in (
        ("sqlstate", "sqlstate"),
        ("constraint", "constraint_name"),
        ("table", "table_name"),
        ("column", "column_name"),
    ):
        value = getattr(error, attribute, None)
        if isinstance(value, str):
            described[field] = value
    return described
