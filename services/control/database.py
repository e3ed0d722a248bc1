"""What reads without a transaction of its own may be given."""

from typing import TypeAlias

import asyncpg

from shared.postgres.retrying import Connection

Reader: TypeAlias = Connection | asyncpg.Pool
"""A connection, or the pool where one statement is all."""
