"""Balances and key use out of ledger entries: each counts once, however the batches come."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.control.balances.projecting import Projection, project
from shared.events.ledger import EntryKind, LedgerEntryPosted
from tests.made_events import NOON


class Tables:
    """What the two tables would hold."""

    def __init__(self) -> None:
        self.balances: dict[int, tuple[int, int, int, int]] = {}
        self.keys: dict[int, tuple[int, int, int | None, int | None]] = {}

    def take(self, entries: list[LedgerEntryPosted]) -> Projection:
        applied = {workspace: figures[3] for workspace, figures in self.balances.items()}
        made = project(entries, applied)
        for b in made.balances:
            _, used, count, _ = self.balances.get(b.workspace_id, (0, 0, 0, 0))
            self.balances[b.workspace_id] = (
                b.quota_units,
                used + b.used_units,
                count + b.request_count,
                b.last_entry_id,
            )
        for k in made.keys:
            used, count, _, _ = self.keys.get(k.key_id, (0, 0, None, None))
            self.keys[k.key_id] = (
                used + k.used_units,
                count + k.request_count,
                k.remain_units,
                k.quota_version,
            )
        return made


def entry(entry_id: int, **changes: Any) -> LedgerEntryPosted:
    values: dict[str, Any] = {
        "entry_id": entry_id,
        "workspace_id": 1,
        "kind": EntryKind.CHARGE,
        "cause": f"request:{entry_id}",
        "amount_units": -10,
        "balance_after_units": 1000 - entry_id,
        "key_id": 7,
        "key_remain_units": 500 - entry_id,
        "key_quota_version": 1,
        "posted_at": NOON,
    }
    return LedgerEntryPosted(**(values | changes))


def test_a_charge_counts_for_the_workspace_and_the_key() -> None:
    tables = Tables()
    tables.take([entry(1), entry(2, amount_units=-5)])
    assert tables.balances == {1: (998, 15, 2, 2)}
    assert tables.keys == {7: (15, 2, 498, 1)}


def test_a_top_up_moves_the_balance_and_is_no_request() -> None:
    tables = Tables()
    top_up = entry(1, kind=EntryKind.TOP_UP, amount_units=50, balance_after_units=50, key_id=None)
    tables.take([top_up])
    assert tables.balances == {1: (50, 0, 0, 1)}
    assert tables.keys == {}


def test_a_charge_of_nothing_is_a_request() -> None:
    tables = Tables()
    tables.take([entry(1, amount_units=0)])
    assert tables.balances[1][1:3] == (0, 1)


def test_a_refund_takes_back_use_and_is_no_request() -> None:
    tables = Tables()
    of_charge = {"refers_to_entry_id": 1, "bucket_at": NOON, "posted_at": NOON + timedelta(days=9)}
    refund = entry(2, kind=EntryKind.REFUND, amount_units=4, key_remain_units=503, **of_charge)
    made = tables.take([entry(1), refund])
    assert tables.balances == {1: (998, 6, 1, 2)}
    assert tables.keys == {7: (6, 1, 503, 1)}
    assert made.keys[0].last_used_at == NOON


def test_an_adjustment_is_use_only_where_it_is_of_a_charge() -> None:
    tables = Tables()
    adjusted = {"kind": EntryKind.ADJUSTMENT, "amount_units": -5}
    of_charge = {"refers_to_entry_id": 1, "bucket_at": NOON}
    tables.take([entry(1), entry(2, **adjusted), entry(3, **adjusted, **of_charge)])
    assert tables.balances[1][1:3] == (15, 1)
    assert tables.keys[7][:2] == (15, 1)


@st.composite
def ledgers(draw: st.DrawFn) -> list[LedgerEntryPosted]:
    """Entries as a partition has them: of some workspaces, each with rising ids."""
    kinds = st.sampled_from([EntryKind.CHARGE, EntryKind.TOP_UP])
    made = []
    balances = {1: 0, 2: 0, 3: 0}
    for entry_id in range(1, draw(st.integers(1, 25)) + 1):
        workspace = draw(st.sampled_from([1, 2, 3]))
        kind = draw(kinds)
        amount = draw(st.integers(0, 100)) * (-1 if kind is EntryKind.CHARGE else 1)
        balances[workspace] += amount
        made.append(
            entry(
                entry_id,
                workspace_id=workspace,
                kind=kind,
                amount_units=amount,
                balance_after_units=balances[workspace],
                key_id=workspace * 10 + draw(st.integers(0, 1)),
                key_remain_units=draw(st.none() | st.integers(-100, 100)),
            )
        )
    return made


@settings(deadline=None)
@given(ledger=ledgers(), data=st.data())
def test_repeated_and_interleaved_batches_count_each_entry_once(
    ledger: list[LedgerEntryPosted], data: st.DataObject
) -> None:
    """Each delivery goes on behind the last, or begins again at any earlier place."""
    once, again = Tables(), Tables()
    once.take(ledger)
    place = 0
    for _ in range(data.draw(st.integers(0, 8))):
        start = data.draw(st.integers(0, place))
        end = data.draw(st.integers(start, len(ledger)))
        # A batch may itself hold a stretch twice: the producer sent it again.
        again.take(ledger[start:end] + ledger[start : max(start, end - 1)] + ledger[start:end])
        place = max(place, end)
    again.take(ledger)
    assert again.balances == once.balances
    assert again.keys == once.keys
    for workspace, (quota, used, count, _) in once.balances.items():
        own = [e for e in ledger if e.workspace_id == workspace]
        charges = [e for e in own if e.kind is EntryKind.CHARGE]
        assert quota == sum(e.amount_units for e in own)
        assert used == -sum(e.amount_units for e in charges)
        assert count == len(charges)


@given(ledger=ledgers())
def test_a_batch_that_was_applied_changes_nothing(ledger: list[LedgerEntryPosted]) -> None:
    tables = Tables()
    tables.take(ledger)
    assert tables.take(ledger) == Projection([], [])
