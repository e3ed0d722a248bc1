"""How far a run is and what it has added up, in one SQLite file that survives a kill at any moment.

A chunk's sums, its requests' ids and its place are one transaction, so that a run that goes on adds
up to exactly what one that was never stopped does. The ids are there since a request may be on the
topic twice: on disk, so that memory does not grow with them.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

import orjson

from operations.what_if.reached import Reached
from operations.what_if.source import CannotBeSaidError

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS run (
    one INTEGER PRIMARY KEY CHECK (one = 1), question TEXT NOT NULL, prices TEXT,
    stretch TEXT, reached TEXT NOT NULL, step INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sums (
    workspace_id INTEGER NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL,
    old_units INTEGER NOT NULL, new_units INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, model),
    CHECK (typeof(old_units) = 'integer' AND typeof(new_units) = 'integer'));
CREATE TABLE IF NOT EXISTS seen (request_key BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_ADD: Final = """
INSERT INTO sums AS s VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET requests = s.requests + excluded.requests, old_units = s.old_units + excluded.old_units,
    new_units = s.new_units + excluded.new_units
"""
_SEE: Final = "INSERT INTO seen VALUES (?) ON CONFLICT DO NOTHING"
_MOVE: Final = "UPDATE run SET reached = ?, step = step + 1 WHERE step = ?"
_BEGIN: Final = "UPDATE run SET prices = ?, stretch = ?, step = step + 1 WHERE step = ?"
_ROWS: Final = """
SELECT workspace_id, model, requests, old_units, new_units FROM sums ORDER BY workspace_id, model
"""
_TOTALS: Final = """
SELECT coalesce(sum(requests), 0), coalesce(sum(old_units), 0), coalesce(sum(new_units), 0)
FROM sums
"""


class State:
    """The state of one question. Two commands that work at one at the same time: one is refused."""

    def __init__(
        self, path: str, database: sqlite3.Connection, question: Mapping[str, Any]
    ) -> None:
        """Use `at`."""
        self._path = path
        self._database = database
        self.question = dict(question)
        self._read()

    @classmethod
    @contextmanager
    def at(cls, path: str, question: Mapping[str, Any]) -> Iterator[Self]:
        """The state in the file, new where there is none; an empty path: in one that is not kept.

        Raises CannotBeSaidError where the file is of another question, or cannot be used.
        """
        try:
            database = sqlite3.connect(path, isolation_level=None)
            try:
                # Whatever is killed, the file is as after a whole chunk.
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                database.executescript(_TABLES)
                database.execute(
                    "INSERT INTO run VALUES (1, ?, NULL, NULL, ?, 0) ON CONFLICT DO NOTHING",
                    (_json(question), _json([*Reached()])),
                )
                yield cls(path, database, question)
            finally:
                database.close()
        except sqlite3.Error as error:
            name = path or "a temporary file"
            raise CannotBeSaidError(f"{name} cannot be used to keep the state: {error}") from None

    def _read(self) -> None:
        question, prices, stretch, reached, self._step = self._database.execute(
            "SELECT question, prices, stretch, reached, step FROM run"
        ).fetchone()
        if (kept := orjson.loads(question)) != self.question:
            raise CannotBeSaidError(f"{self._path} is of another question: {_differing(kept)}")
        self.is_begun = prices is not None
        self.prices: dict[str, Any] = {} if prices is None else orjson.loads(prices)
        self.stretch: dict[str, Any] = {} if stretch is None else orjson.loads(stretch)
        self.reached = Reached(*orjson.loads(reached))

    @property
    def is_done(self) -> bool:
        """Whether all of it is added up."""
        return self.reached.is_done

    def begin(self, prices: Mapping[str, Any], stretch: Mapping[str, Any]) -> None:
        """Keep what the run rates with, and what it reads: it does not change any more."""
        with self.saving():
            self._step_on(_BEGIN, _json(prices), _json(stretch))
        self._read()

    @contextmanager
    def saving(self) -> Iterator[None]:
        """All that is done inside is kept, or nothing of it."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def is_new(self, request_key: bytes | None) -> bool:
        """Whether the request was not seen before; from now on it was. Without a key: always."""
        return request_key is None or self._database.execute(_SEE, (request_key,)).rowcount == 1

    def add(self, sums: Mapping[tuple[int, str], Iterable[int]]) -> None:
        """Add requests, old and new units, by workspace and model."""
        self._database.executemany(_ADD, [(*key, *of) for key, of in sums.items()])

    def move(self, reached: Reached) -> None:
        """The run is so far now. Raises CannotBeSaidError where another command moved it."""
        self._step_on(_MOVE, _json([*reached]))
        self.reached = reached

    def rows(self) -> Iterator[tuple[int, str, int, int, int]]:
        """Workspace, model, requests, old and new units, in this order."""
        yield from self._database.execute(_ROWS)

    def totals(self) -> tuple[int, int, int]:
        """Requests, old and new units, of everything."""
        requests, old, new = self._database.execute(_TOTALS).fetchone()
        return requests, old, new

    def _step_on(self, statement: str, *values: str) -> None:
        if self._database.execute(statement, (*values, self._step)).rowcount != 1:
            raise CannotBeSaidError(f"another command works at {self._path} at the same time")
        self._step += 1


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _differing(kept: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in kept.items() if value is not None)
