"""An outbox row gives back exactly what was put in, and never half of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.outbox_rows import (
    CorruptOutboxRowError,
    OutboxRecord,
    decode_row,
    encode_row,
)

_FIELDS = st.none() | st.binary(max_size=200)
_HEADERS = st.lists(
    st.tuples(st.text(st.characters(codec="utf-8"), max_size=30), st.binary(max_size=50)),
    max_size=8,
).map(tuple)
_RECORDS = st.lists(_HEADERS, min_size=1, max_size=4).flatmap(
    lambda shared: st.lists(
        st.builds(OutboxRecord, _FIELDS, _FIELDS, st.sampled_from(shared), _FIELDS), max_size=20
    )
)


@given(_RECORDS)
def test_what_goes_in_comes_out(records: list[OutboxRecord]) -> None:
    assert decode_row(encode_row(records)) == records


@given(_RECORDS, st.data())
def test_a_cut_row_is_refused(records: list[OutboxRecord], data: st.DataObject) -> None:
    row = encode_row(records)
    cut = data.draw(st.integers(min_value=0, max_value=len(row) - 1))
    with pytest.raises(CorruptOutboxRowError):
        decode_row(row[:cut])


def test_another_version_and_bytes_left_over_are_refused() -> None:
    row = encode_row([OutboxRecord(b"k", b"v", ())])
    with pytest.raises(CorruptOutboxRowError):
        decode_row(b"\x01" + row[1:])
    with pytest.raises(CorruptOutboxRowError):
        decode_row(row + b"\x00")


def test_headers_in_common_are_kept_once() -> None:
    headers = (("ce_source", b"ledgerline/billing"),)
    records = [OutboxRecord(b"k", b"v", headers, b"%d" % n) for n in range(10)]
    row = encode_row(records)
    assert row.count(b"ledgerline/billing") == 1
    assert decode_row(row)[3].all_headers == (*headers, ("ce_id", b"3"))
