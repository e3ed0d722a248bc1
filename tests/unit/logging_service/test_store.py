"""The rows are behind one interface, and nobody reaches around it."""

import re
from pathlib import Path

import services.logging
from services.logging.ingest.store_rows import insert_rows, known_events
from services.logging.listing.store_pages import rest_of_second, walk
from services.logging.partitions.store_partitions import Partition, drop, ensure, partitions
from services.logging.requests.store_requests import StoredRequests
from services.logging.store import (
    DropPartition,
    KnownEvents,
    ListPartitions,
    MakePartition,
    ReadRequests,
    RestOfSecond,
    WalkRows,
    WriteRows,
)
from shared.postgres.retrying import Connection

_SERVICE = Path(services.logging.__file__).parent
_NAMES_THE_TABLE = re.compile(r'\b(?:FROM|INTO|JOIN|UPDATE|TABLE ONLY) logs\b|to_table\("logs"')
_BESIDE_STORES = {
    "listing/searching.py",  # composes the text, without I/O, for the store beside it
    "listing/counting.py",  # the same
    "listing/reading.py",  # locks the table before its snapshot
    "drift/looking.py",  # the same
}


def test_postgresql_offers_all_of_it() -> None:
    """What mypy sees here is the promise: each is of the shape that another engine would have."""
    written: WriteRows[Connection] = insert_rows
    known: KnownEvents[Connection] = known_events
    listed: ListPartitions[Connection, Partition] = partitions
    made: MakePartition[Connection] = ensure
    dropped: DropPartition[Connection] = drop
    walked: WalkRows[Connection] = walk
    rest: RestOfSecond[Connection] = rest_of_second
    requests: type[ReadRequests] = StoredRequests
    assert all(map(callable, (written, known, listed, made, dropped, walked, rest, requests)))


def test_only_stores_speak_to_the_table_of_rows() -> None:
    speaking = {
        str(path.relative_to(_SERVICE))
        for path in _SERVICE.rglob("*.py")
        if _NAMES_THE_TABLE.search(path.read_text())
    }
    assert speaking
    assert {each for each in speaking - _BESIDE_STORES if "/store_" not in each} == set()
