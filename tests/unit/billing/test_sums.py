"""Sums over a batch: what is added is what was charged, whichever way it is cut."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.billing.charging import sums
from services.billing.charging.chargeable import Charge
from services.billing.charging.entries import chain
from services.billing.charging.ratings_kept import rating_keys
from services.billing.charging.sums import KeyRemain
from services.billing.leases.subjects import SubjectKind
from services.billing.ledger.events import charge_records, entry_record
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.events.numbers import MAX_QUOTA_UNITS

AT = datetime(2026, 5, 4, 3, 2, 1, 7, tzinfo=UTC)
CHARGES = st.lists(
    st.builds(
        Charge,
        request_id=st.sampled_from([f"r{n}" for n in range(30)]),
        workspace_id=st.integers(1, 3),
        key_id=st.integers(1, 3),
        user_id=st.integers(1, 3),
        username=st.sampled_from(["a", "b"]),
        model=st.sampled_from(["m", ""]),
        quota_units=st.integers(0, MAX_QUOTA_UNITS),
        excess_units=st.integers(0, 9),
        account_lease_id=st.sampled_from([None, "l1", "l2"]),
        key_lease_id=st.sampled_from([None, "l3", "l4"]),
        tokens=st.integers(0, 10**9),
        hour=st.sampled_from([0, 3600]),
        completed_at=st.just(AT),
        completed_at_us=st.integers(0, 10**15),
    ),
    max_size=40,
)


@given(CHARGES, st.integers(0, 10))
def test_a_request_is_charged_once_and_not_when_the_ledger_has_it(
    charges: list[Charge], known: int
) -> None:
    causes = frozenset(f"request:r{n}" for n in range(known))
    new = sums.distinct(charges, causes)
    ids = [charge.request_id for charge in new]
    assert len(set(ids)) == len(ids)
    assert set(ids) == {c.request_id for c in charges} - {f"r{n}" for n in range(known)}


@given(CHARGES)
def test_every_sum_is_the_sum_of_the_charges(charges: list[Charge]) -> None:
    total = sum(charge.quota_units for charge in charges)
    by_key = sums.by_key(charges).values()
    by_hour = sums.by_hour(charges).values()
    assert sum(sums.by_account(charges).values()) == total
    assert sum(use.quota_units for use in by_key) == total
    assert sum(use.quota_units for use in by_hour) == total
    assert sum(use.requests for use in by_key) == len(charges)
    assert sum(use.requests for use in by_hour) == len(charges)
    assert sum(use.tokens for use in by_hour) == sum(charge.tokens for charge in charges)
    by_lease = sums.by_lease(charges)
    of_accounts = sum(charge.quota_units for charge in charges if charge.account_lease_id)
    of_keys = sum(charge.quota_units for charge in charges if charge.key_lease_id)
    for kind, leased in ((SubjectKind.ACCOUNT, of_accounts), (SubjectKind.KEY, of_keys)):
        assert sum(u for of, u in by_lease.items() if of.subject.kind is kind) == leased


@given(CHARGES)
def test_each_balance_follows_from_the_one_before(charges: list[Charge]) -> None:
    running = {1: 5, 2: -7, 3: 10**18}
    for charge, after in zip(charges, sums.balances_after(charges, running), strict=True):
        assert after == running[charge.workspace_id] - charge.quota_units
        running[charge.workspace_id] = after


@given(CHARGES)
def test_what_is_left_of_a_limit_follows_from_what_was_left_before(charges: list[Charge]) -> None:
    remains = {1: KeyRemain(5, 3), 2: KeyRemain(-7, 1)}
    after = sums.remains_after(charges, remains)
    for charge, told in zip(charges, after, strict=True):
        if charge.key_id == 3:
            assert told is None
            continue
        before = remains[charge.key_id]
        remains[charge.key_id] = KeyRemain(before.units - charge.quota_units, before.quota_version)
        assert told == remains[charge.key_id]


@given(CHARGES)
def test_a_charge_is_told_as_the_model_would_tell_it(charges: list[Charge]) -> None:
    after = sums.balances_after(charges, {1: 0, 2: 0, 3: 0})
    remains = sums.remains_after(charges, {1: KeyRemain(9, 4)})
    numbered = zip(charges, range(1, len(charges) + 1), after, remains, strict=True)
    entries = chain(dict.fromkeys((1, 2, 3), bytes(32)), numbered, rating_keys(charges))
    for made, record in zip(entries, charge_records(entries, now=AT), strict=True):
        charge, number, balance, remain, _, hashed, prev, own = made
        entry = LedgerEntryPosted(
            entry_id=number,
            workspace_id=charge.workspace_id,
            kind=EntryKind.CHARGE,
            cause=f"request:{charge.request_id}",
            amount_units=-charge.quota_units,
            balance_after_units=balance,
            excess_units=charge.excess_units,
            request_id=charge.request_id,
            key_id=charge.key_id,
            key_remain_units=None if remain is None else remain.units,
            key_quota_version=None if remain is None else remain.quota_version,
            user_id=charge.user_id,
            model=charge.model or None,
            posted_at=charge.completed_at,
            detail_hash=hashed.hex(),
            prev_hash=prev.hex(),
            entry_hash=own.hex(),
        )
        plain = entry_record(entry, now=AT)
        assert LedgerEntryPosted.model_validate_json(record.value or b"") == entry
        assert record.key == plain.key
        told, expected = dict(record.all_headers), dict(plain.headers)
        assert told.pop("ce_id") != expected.pop("ce_id")
        assert told == expected
