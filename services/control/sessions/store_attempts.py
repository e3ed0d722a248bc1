"""SQL of failed logins, by the hash of a name or of an address."""

from collections.abc import Mapping, Sequence
from typing import Final

from services.control.database import Reader
from services.control.sessions.lockout import Tally
from shared.postgres.retrying import Connection

# A row must be there to be locked. In order of the subject: nobody waits for each other in a ring.
_ENSURE: Final = """
INSERT INTO login_failures (subject, failed_attempts, first_failed_at, last_failed_at)
SELECT subject, 0, now(), now() FROM unnest($1::bytea[]) AS subject ORDER BY subject
ON CONFLICT DO NOTHING
"""
_LOCK: Final = """
SELECT subject, failed_attempts, first_failed_at, last_failed_at, locked_until
FROM login_failures WHERE subject = ANY($1::bytea[]) ORDER BY subject FOR UPDATE
"""
_SET: Final = """
UPDATE login_failures SET failed_attempts = $2, first_failed_at = $3, last_failed_at = $4,
                          locked_until = $5
WHERE subject = $1
"""
_NOTE: Final = "UPDATE login_failures SET last_failed_at = $2 WHERE subject = $1"
_TAKE_BACK: Final = """
UPDATE login_failures
SET failed_attempts = greatest(0, failed_attempts - 1),
    locked_until = CASE WHEN locked_until = $2 THEN NULL ELSE locked_until END
WHERE subject = $1
"""
_FORGET: Final = "DELETE FROM login_failures WHERE subject = $1"
_FORGET_OLD: Final = """
DELETE FROM login_failures WHERE last_failed_at < now() - interval '1 day'
AND (locked_until IS NULL OR locked_until < now())
"""


async def lock_tallies(connection: Connection, subjects: Sequence[bytes]) -> Mapping[bytes, Tally]:
    """Each subject's tally, locked until the end of the transaction."""
    await connection.execute(_ENSURE, list(subjects))
    rows = await connection.fetch(_LOCK, list(subjects))
    return {
        row["subject"]: Tally(
            failed_attempts=row["failed_attempts"],
            first_failed_at=row["first_failed_at"],
            last_failed_at=row["last_failed_at"],
            locked_until=row["locked_until"],
        )
        for row in rows
    }


async def set_tally(connection: Connection, subject: bytes, tally: Tally) -> None:
    """What is known of a subject from now on."""
    await connection.execute(
        _SET,
        *(subject, tally.failed_attempts, tally.first_failed_at, tally.last_failed_at),
        tally.locked_until,
    )


async def note_failure(connection: Connection, subject: bytes, tally: Tally) -> None:
    """The attempt that led to `tally` has failed indeed."""
    await connection.execute(_NOTE, subject, tally.last_failed_at)


async def take_back_attempt(connection: Connection, subject: bytes, tally: Tally) -> None:
    """The attempt that led to `tally` was none."""
    await connection.execute(_TAKE_BACK, subject, tally.locked_until)


async def forget_failures(connection: Reader, subject: bytes) -> None:
    """Begin anew. Repeatable."""
    await connection.execute(_FORGET, subject)


async def forget_old_failures(connection: Reader) -> None:
    """Remove what no longer counts. Repeatable."""
    await connection.execute(_FORGET_OLD)
