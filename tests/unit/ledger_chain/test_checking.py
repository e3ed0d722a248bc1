"""Any interleaving of accounts verifies; whatever is changed, left out or moved is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.ledger_chain.checking import ChainCheck, Stated
from shared.money.chain import ChainedEntry, ChainHead, follow

MOVES = st.lists(st.tuples(st.integers(1, 3), st.integers(-9, 9)), min_size=1, max_size=25)


def chained(moves: list[tuple[int, int]], *, unchained: int = 0) -> list[Stated]:
    """Entries of accounts in turn; the first so many are from before the chain."""
    heads: dict[int, ChainHead] = {}
    balances: dict[int, int] = {}
    made = []
    for number, (workspace, units) in enumerate(moves, 1):
        balances[workspace] = balances.get(workspace, 0) + units
        entry = ChainedEntry(
            entry_id=number,
            workspace_id=workspace,
            kind="charge" if units < 0 else "top_up",
            cause=f"cause {number}",
            amount_units=units,
            balance_after_units=balances[workspace],
            excess_units=0,
            exposure_units=0,
            key_id=None,
            user_id=workspace,
            actor_user_id=None,
            refers_to_entry_id=None,
            posted_at_us=number,
            bucket_at_us=None,
            model="m",
            actor_name="",
            note="",
            detail_hash="",
        )
        link = follow(heads.get(workspace, ChainHead()), entry)
        if number <= unchained:
            made.append(Stated(entry, b"", b""))
            heads[workspace] = ChainHead(number)
        else:
            made.append(Stated(entry, *link))
            heads[workspace] = ChainHead(number, link.entry_hash)
    return made


def follow_all(entries: list[Stated], *, is_whole: bool = True) -> ChainCheck:
    check = ChainCheck(is_whole=is_whole)
    for stated in entries:
        check.see(stated)
    return check


@given(moves=MOVES, unchained=st.integers(0, 25), is_whole=st.booleans())
def test_whatever_was_posted_verifies(
    moves: list[tuple[int, int]], unchained: int, *, is_whole: bool
) -> None:
    entries = chained(moves, unchained=unchained)
    check = follow_all(entries, is_whole=is_whole)
    assert check.breaks == []
    assert check.unchained == min(unchained, len(entries))
    assert check.heads == {
        s.entry.workspace_id: ChainHead(s.entry.entry_id, s.entry_hash or None) for s in entries
    }


@given(
    moves=MOVES,
    data=st.data(),
    field=st.sampled_from(ChainedEntry._fields),
    is_whole=st.booleans(),
)
def test_a_changed_field_breaks_its_entry_or_the_one_that_follows(
    moves: list[tuple[int, int]], data: st.DataObject, field: str, *, is_whole: bool
) -> None:
    entries = chained(moves)
    place = data.draw(st.integers(0, len(entries) - 1))
    changed = entries[place]
    if field in {"workspace_id", "entry_id"}:
        return
    value: Any = getattr(changed.entry, field)
    other: Any = f"{value}x" if isinstance(value, str) else (value or 0) + 1
    entries[place] = changed._replace(entry=changed.entry._replace(**{field: other}))
    check = follow_all(entries, is_whole=is_whole)
    assert [b.entry_id for b in check.breaks] == [changed.entry.entry_id]


@given(MOVES, st.data())
def test_an_entry_that_is_left_out_shows_in_the_next(
    moves: list[tuple[int, int]], data: st.DataObject
) -> None:
    entries = chained(moves)
    gone = entries.pop(data.draw(st.integers(0, len(entries) - 1))).entry
    after = [
        s.entry.entry_id
        for s in entries
        if s.entry.workspace_id == gone.workspace_id and s.entry.entry_id > gone.entry_id
    ]
    assert [b.entry_id for b in follow_all(entries).breaks] == after[:1]


@given(MOVES, st.data())
def test_what_is_published_once_more_is_no_break_unless_it_is_another(
    moves: list[tuple[int, int]], data: st.DataObject
) -> None:
    entries = chained(moves)
    start = data.draw(st.integers(0, len(entries) - 1))
    again = entries + entries[start:]
    assert follow_all(again, is_whole=False).breaks == []
    other = entries[start]
    again[-1] = other._replace(entry=other.entry._replace(note="other"))
    (broken,) = follow_all(again, is_whole=False).breaks
    assert broken.entry_id == other.entry.entry_id


def test_a_hash_that_is_taken_away_shows() -> None:
    entries = chained([(1, 5), (1, 6)])
    entries[1] = entries[1]._replace(prev_hash=b"", entry_hash=b"")
    (broken,) = follow_all(entries).breaks
    assert (broken.entry_id, broken.what) == (2, "it has no hash")


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_topic_that_lost_its_beginning_still_verifies(*, is_whole: bool) -> None:
    check = follow_all(chained([(1, 5), (1, 6), (1, 7)])[1:], is_whole=is_whole)
    assert [b.entry_id for b in check.breaks] == ([2] if is_whole else [])
