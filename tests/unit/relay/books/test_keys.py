"""The key book: the last state of each key, whatever came in which order, and what it costs."""

import gc
import tracemalloc
from hashlib import sha256
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from operations.bench.made_keys import made_key, made_key_hash, made_keys
from services.relay.books import keys as module
from services.relay.books.keys import KeyBook
from shared.events.event import encode_value
from shared.events.routing import Status

_KEYS: Final = 100_000
_MOST_BYTES: Final = 512
_HASHES: Final = [b"\0" * 31 + bytes([n]) for n in range(4)]
"""Alike in all but the end."""


@given(
    st.lists(
        st.tuples(st.sampled_from(_HASHES), st.none() | st.integers(0, 30), st.booleans()),
        max_size=60,
    )
)
def test_it_holds_the_last_state_of_each_key(
    steps: list[tuple[bytes, int | None, bool]],
) -> None:
    book, wanted = KeyBook(), {}
    for key_hash, number, is_found in steps:
        state = None if number is None else made_key(number)
        book.put(key_hash, None if state is None else encode_value(state))
        wanted[key_hash] = state
        if is_found:
            assert book.find(key_hash) == state
    assert [book.find(each) for each in _HASHES] == [wanted.get(each) for each in _HASHES]
    assert len(book) == sum(state is not None for state in wanted.values())


def test_a_key_is_the_same_object_until_it_changes() -> None:
    book = KeyBook()
    book.put(_HASHES[0], encode_value(made_key(0)))
    book.put(_HASHES[1], encode_value(made_key(1)))
    found = book.find(_HASHES[0])
    book.put(_HASHES[1], encode_value(made_key(2)))
    assert book.find(_HASHES[0]) is found
    book.put(_HASHES[0], encode_value(made_key(0, Status.DISABLED)))
    changed = book.find(_HASHES[0])
    assert changed is not None
    assert changed.status is Status.DISABLED


def test_only_the_keys_that_were_used_last_are_kept_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PARSED_AT_ONCE", 2)
    book = KeyBook()
    for number, key_hash in enumerate(_HASHES):
        book.put(key_hash, encode_value(made_key(number)))
    busy, rested = book.find(_HASHES[0]), book.find(_HASHES[1])
    assert book.find(_HASHES[0]) is busy
    book.find(_HASHES[2])
    assert book.find(_HASHES[0]) is busy
    again = book.find(_HASHES[1])
    assert again == rested
    assert again is not rested


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"null", b'{"key_id":1}', b"\xff\xfe", b'{"key_id":"secret-name"}']
)
def test_a_state_that_cannot_be_read_is_no_key_and_is_told_once(
    raw: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = CollectorRegistry()
    book = KeyBook(registry)
    book.put(_HASHES[0], raw)
    assert [book.find(_HASHES[0]) for _ in range(3)] == [None] * 3
    assert registry.get_sample_value("ledgerline_relay_unreadable_keys_total") == 1
    output = capsys.readouterr()
    assert "secret-name" not in output.out + output.err
    book.put(_HASHES[0], encode_value(made_key(7)))
    assert book.find(_HASHES[0]) == made_key(7)


def test_its_metric_follows_the_number_of_keys() -> None:
    registry = CollectorRegistry()
    book = KeyBook(registry)
    for key_hash in _HASHES:
        book.put(key_hash, encode_value(made_key(1)))
    book.put(_HASHES[0], None)
    assert registry.get_sample_value("ledgerline_relay_keys") == len(book) == len(_HASHES) - 1


def test_records_are_taken_by_the_hash_in_hex() -> None:
    book, digest = KeyBook(), sha256(b"secret")
    book.take(digest.hexdigest().encode(), encode_value(made_key(3)))
    assert book.find(digest.digest()) == made_key(3)
    book.take(digest.hexdigest().encode(), None)
    assert book.find(digest.digest()) is None


@pytest.mark.parametrize("key", [None, b"", b"zz", b"\xff", b"ab" * 31, b"ab" * 33, b"user:7"])
def test_a_record_whose_key_is_no_hash_changes_nothing(key: bytes | None) -> None:
    book = KeyBook()
    book.take(key, encode_value(made_key(3)))
    assert (len(book), book.generation) == (0, 0)


def test_a_key_takes_less_than_half_a_kilobyte() -> None:
    """All of it, and at the worst moment: told twice each, while the values are made one by one."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        book = KeyBook()
        for _ in range(2):
            for number, value in enumerate(made_keys(_KEYS)):
                book.put(made_key_hash(number), value)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(book) == _KEYS
    assert (after - before) / _KEYS < _MOST_BYTES
    assert (peak - before) / _KEYS < _MOST_BYTES
    assert book.find(made_key_hash(_KEYS - 1)) == made_key(_KEYS - 1)
