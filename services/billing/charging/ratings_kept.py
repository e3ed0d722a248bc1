"""The ratios that charges were rated with, kept once for all the charges that share them."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

from services.billing.charging.chargeable import Charge
from shared.postgres.retrying import Connection

_KEY_BYTES: Final = 16
# Always asked, and never remembered: what this process has seen kept may have been rolled back.
_KEEP: Final = """
INSERT INTO rating_snapshots (rating_key, rating)
SELECT key, rating::json FROM unnest($1::bytea[], $2::text[]) AS seen (key, rating)
ORDER BY key
ON CONFLICT DO NOTHING
"""


def rating_keys(charges: Iterable[Charge]) -> dict[bytes, bytes]:
    """The key of each of the charges' ratings; empty for a charge that was told none."""
    ratings = {charge.rating for charge in charges}
    return {rating: sha256(rating).digest()[:_KEY_BYTES] if rating else b"" for rating in ratings}


async def keep_ratings(connection: Connection, keys: Mapping[bytes, bytes]) -> None:
    """Keep what is not kept yet. Before anything is locked, and in order of key."""
    told = {key: rating.decode() for rating, key in keys.items() if rating}
    if told:
        await connection.execute(_KEEP, list(told), list(told.values()))
