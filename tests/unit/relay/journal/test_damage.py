"""A journal that was damaged: what is before the damage survives, and the rest is put aside."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.relay.journal.directory import JournalDirectory
from services.relay.journal.format import HEAD_BYTES, SEGMENT_HEADER, decode
from services.relay.journal.records import CompletedRecord
from tests.unit.relay.journal.made_journals import (
    LARGE_SEGMENT_BYTES,
    completed,
    died,
    found,
    new_id,
    open_journal,
)


@pytest.fixture
def records(tmp_path: Path) -> list[CompletedRecord]:
    """Three completions on the disk of a relay that is gone, and one admission before them."""
    directory, journal = open_journal(tmp_path, segment_bytes=LARGE_SEGMENT_BYTES)
    journal.admit(new_id(), b"skeleton")
    written = [completed(size=50, at=at) for at in (1, 2, 3)]
    for record in written:
        journal.complete(record)
    died(directory, journal)
    return written


def segment(root: Path) -> Path:
    (path,) = (root / "relay-1").glob("*.segment")
    return path


def ends(root: Path) -> list[int]:
    """Where each record ends; the first is the list of leases, the second the admission."""
    data = segment(root).read_bytes()
    start = len(SEGMENT_HEADER)
    return [record.next_offset for record in decode(data[start:], base=start)]


def overwrite(root: Path, offset: int, data: bytes) -> None:
    raw = bytearray(segment(root).read_bytes())
    raw[offset : offset + len(data)] = data
    segment(root).write_bytes(raw)


def quarantined(root: Path) -> list[str]:
    aside = root / "quarantine"
    return sorted(path.name for path in aside.iterdir()) if aside.is_dir() else []


def test_any_byte_changed_in_the_middle_puts_the_segment_aside(
    tmp_path: Path, records: list[CompletedRecord]
) -> None:
    """Also in a length, which would make what follows look like a part of the record."""
    start, end = ends(tmp_path)[2], ends(tmp_path)[3]
    whole = segment(tmp_path).read_bytes()
    for offset in range(start, end):
        for flipped in (0x01, 0x80):
            overwrite(tmp_path, offset, bytes([whole[offset] ^ flipped]))
            scanned = found(tmp_path)
            assert scanned.unpublished == records[:1], f"byte {offset - start}"
            assert scanned.quarantined == 1, f"byte {offset - start}"
            assert len(scanned.interrupted) == 1
            overwrite(tmp_path, offset, whole[offset : offset + 1])
    assert quarantined(tmp_path) == ["relay-1-00000001.segment"]
    assert found(tmp_path).unpublished == records


def test_a_hole_of_zeros_in_the_middle_puts_the_segment_aside(
    tmp_path: Path, records: list[CompletedRecord]
) -> None:
    """A page that never came to the disk, with later ones that did."""
    start, end = ends(tmp_path)[2], ends(tmp_path)[3]
    overwrite(tmp_path, start, bytes(end - start))
    scanned = found(tmp_path)
    assert (scanned.unpublished, scanned.quarantined) == (records[:1], 1)


def test_a_last_record_cut_at_any_byte_is_dropped_quietly(
    tmp_path: Path, records: list[CompletedRecord]
) -> None:
    """That is how a write looks that the death of the machine cut: it was never answered."""
    start, end = ends(tmp_path)[3], ends(tmp_path)[4]
    whole = segment(tmp_path).read_bytes()
    for cut in range(start, end - 1):
        overwrite(tmp_path, cut, bytes(end - cut))
        scanned = found(tmp_path)
        assert (scanned.unpublished, scanned.quarantined) == (records[:2], 0), f"at {cut - start}"
        overwrite(tmp_path, cut, whole[cut:end])
    assert quarantined(tmp_path) == []


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_last_record_copied_in_part_is_dropped_quietly(data: st.DataObject) -> None:
    """kill -9 in the middle of the copy: the head is there, and any part of the rest."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        directory, journal = open_journal(root)
        first, last = completed(size=60, at=1), completed(size=60, at=2)
        journal.complete(first)
        journal.complete(last)
        died(directory, journal)
        start, end = ends(root)[1], ends(root)[2]
        hole = data.draw(st.integers(start + HEAD_BYTES, end - 1))
        stop = data.draw(st.integers(hole + 1, end))
        whole = segment(root).read_bytes()[hole:stop]
        overwrite(root, hole, bytes(stop - hole))
        scanned = found(root)
        left = [first] if any(whole) else [first, last]
        assert (scanned.unpublished, scanned.quarantined) == (left, 0)


@given(offset=st.integers(0, 10_000), garbage=st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_a_last_record_garbled_at_any_byte_costs_no_other(offset: int, garbage: int) -> None:
    """It is dropped, or put aside for a person where it does not look like a death's cut."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        directory, journal = open_journal(root)
        written = [completed(size=60, at=at) for at in (1, 2, 3)]
        for record in written:
            journal.complete(record)
        died(directory, journal)
        start, end = ends(root)[2], ends(root)[3]
        at = start + offset % (end - start)
        overwrite(root, at, bytes([segment(root).read_bytes()[at] ^ garbage]))
        assert found(root).unpublished == written[:2]


def test_a_file_that_ends_early_loses_its_last_record_only(
    tmp_path: Path, records: list[CompletedRecord]
) -> None:
    start, end = ends(tmp_path)[3], ends(tmp_path)[4]
    whole = segment(tmp_path).read_bytes()
    for size in (start, start + 3, start + HEAD_BYTES, end - 1):
        segment(tmp_path).write_bytes(whole[:size])
        scanned = found(tmp_path)
        assert (scanned.unpublished, scanned.quarantined) == (records[:2], 0)


@pytest.mark.parametrize("header", [b"LLJ\x02", b"XXX\x01"])
def test_a_later_version_is_put_aside_and_not_guessed_at(
    tmp_path: Path, records: list[CompletedRecord], header: bytes
) -> None:
    overwrite(tmp_path, 0, header)
    scanned = found(tmp_path)
    assert (scanned.unpublished, scanned.quarantined) == ([], 1)
    kept = tmp_path / "quarantine" / "relay-1-00000001.segment"
    assert records[0].value in kept.read_bytes()


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"LL", SEGMENT_HEADER])
def test_a_segment_that_was_only_begun_is_empty(tmp_path: Path, data: bytes) -> None:
    directory, journal = open_journal(tmp_path)
    died(directory, journal)
    directory.segment_path(2).write_bytes(data)
    scanned = found(tmp_path)
    assert scanned.unpublished == []
    assert scanned.quarantined == (1 if data == b"LL" else 0)


@pytest.mark.parametrize("published", [b"", b"[", b"null", b"{}", b"[1,2,3,4]", b"7"])
def test_a_position_that_cannot_be_read_publishes_all_again(
    tmp_path: Path, records: list[CompletedRecord], published: bytes
) -> None:
    (tmp_path / "relay-1" / "published").write_bytes(published)
    assert found(tmp_path).unpublished == records


def test_segments_after_a_damaged_one_are_read(tmp_path: Path) -> None:
    """Each segment here has two records, and the first of the second one's is damaged."""
    directory, journal = open_journal(tmp_path)
    written = [completed(size=40_000, at=at) for at in range(1, 7)]
    for record in written:
        journal.complete(record)
    died(directory, journal)
    path = directory.segment_path(2)
    path.write_bytes(path.read_bytes()[:200] + b"!" + path.read_bytes()[201:])
    scanned = found(tmp_path)
    assert scanned.unpublished == [*written[:2], *written[4:]]
    assert scanned.quarantined == 1


def test_damage_is_put_aside_once_and_survives_the_folder(
    tmp_path: Path, records: list[CompletedRecord]
) -> None:
    overwrite(tmp_path, ends(tmp_path)[2] + 20, b"!!")
    assert found(tmp_path).quarantined == 1
    assert found(tmp_path).quarantined == 1
    (orphan,) = JournalDirectory.take_over(tmp_path)
    orphan.remove()
    assert quarantined(tmp_path) == ["relay-1-00000001.segment"]
    assert records[2].value in (tmp_path / "quarantine" / quarantined(tmp_path)[0]).read_bytes()
