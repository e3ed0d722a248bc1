"""What is hashed is fixed for ever: an entry hashed today must verify in ten years."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money.chain import (
    ChainedEntry,
    ChainHead,
    entry_hash,
    entry_text,
    follow,
    genesis,
    unix_us,
)

ENTRY = ChainedEntry(
    entry_id=4711,
    workspace_id=7,
    kind="refund",
    cause="refund:straße",
    amount_units=12,
    balance_after_units=-3,
    excess_units=1,
    exposure_units=2,
    key_id=None,
    user_id=9,
    actor_user_id=1,
    refers_to_entry_id=4000,
    posted_at_us=1_777_864_801_000_005,
    bucket_at_us=1_777_863_600_000_000,
    model="gpt-4o-mini",
    actor_name="root",
    note="",
    detail_hash="ab" * 32,
)
TEXT = (
    "v1|4711|7|refund|12|-3|1|2|0|9|1|4000|1777864801000005|1777863600000000"
    "|14:refund:straße|11:gpt-4o-mini|4:root|0:|" + "ab" * 32
)


def test_the_text_is_that_of_the_first_version() -> None:
    assert entry_text(ENTRY) == TEXT
    assert entry_hash(b"\x01" * 32, ENTRY) == sha256(b"\x01" * 32 + TEXT.encode()).digest()
    assert (
        entry_hash(bytes(32), ENTRY).hex()
        == "be24a64f090a19671238ec7580a7c2cbf154e5595cba0f0b58844fc66e7b73e7"
    )


def test_the_first_entry_follows_the_balance_and_the_entry_until_then() -> None:
    first = follow(ChainHead(30), ENTRY)
    assert first.prev_hash == genesis(7, -15, 30)
    assert first.prev_hash == sha256(b"ledgerline.chain.v1|7|-15|30").digest()
    assert follow(ChainHead(4711, first.entry_hash), ENTRY).prev_hash == first.entry_hash


@pytest.mark.parametrize("field", ChainedEntry._fields)
def test_each_field_is_hashed(field: str) -> None:
    value = getattr(ENTRY, field)
    other: Any = f"{value}x" if isinstance(value, str) else (value or 0) + 1
    changed = ENTRY._replace(**{field: other})
    assert entry_hash(bytes(32), changed) != entry_hash(bytes(32), ENTRY)


TEXTS = st.text(alphabet="|:1ß", max_size=6)


@given(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), st.tuples(TEXTS, TEXTS, TEXTS, TEXTS))
def test_no_two_entries_have_one_text(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """Not even where a name has in it what stands between the fields."""
    names = ("cause", "model", "actor_name", "note")
    first: dict[str, Any] = dict(zip(names, one, strict=True))
    second: dict[str, Any] = dict(zip(names, other, strict=True))
    same = entry_text(ENTRY._replace(**first)) == entry_text(ENTRY._replace(**second))
    assert same is (one == other)


def test_microseconds_are_exact() -> None:
    assert unix_us(datetime(2262, 4, 11, 23, 47, 16, 854_775, tzinfo=UTC)) == 9_223_372_036_854_775
    assert unix_us(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1
