"""What billing reads of a request, held against the contract."""

from datetime import UTC, datetime

import pytest

from services.billing.charging.chargeable import (
    ChargeableRequest,
    ChargeableUsage,
    NotChargeableError,
    charge_of,
    read_request,
)
from shared.events.event import Event, encode_value
from shared.events.requests import Outcome, RequestCompleted
from shared.events.usage import Usage
from tests.integration.billing.charges import request


@pytest.mark.parametrize(
    ("part", "whole"), [(ChargeableRequest, RequestCompleted), (ChargeableUsage, Usage)]
)
def test_each_field_is_the_contracts(part: type[Event], whole: type[Event]) -> None:
    """A field that is bounded otherwise would refuse, or let in, what the contract does not."""
    for name, field in part.model_fields.items():
        contract = whole.model_fields[name]
        if name == "usage":
            continue
        assert field.annotation == contract.annotation, name
        assert field.is_required() == contract.is_required(), name
        if name != "leases":  # what is longer than the contract allows is charged all the same
            assert field.metadata == contract.metadata, name


@pytest.mark.parametrize(
    ("outcome", "quota", "is_charged"),
    [
        (Outcome.SUCCEEDED, 0, True),
        (Outcome.SUCCEEDED, 5, True),
        (Outcome.FAILED, 0, False),
        (Outcome.FAILED, 5, True),
        (Outcome.INTERRUPTED, 0, False),
        (Outcome.REJECTED, 0, False),
    ],
)
def test_what_succeeded_or_cost_something_has_an_entry(
    outcome: Outcome, quota: int, *, is_charged: bool
) -> None:
    value = encode_value(request(outcome=outcome, quota=quota))
    assert (charge_of(read_request(value)) is not None) is is_charged


def test_the_hour_is_that_of_completion_also_before_1970() -> None:
    early = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    charge = charge_of(read_request(encode_value(request(completed_at=early))))
    assert charge is not None
    assert (charge.hour, charge.completed_at_us) == (-3600, -1)


def test_only_the_accounts_and_the_keys_own_leases_are_charged() -> None:
    event = request(workspace=5, key=9, lease="l1", key_lease="l2")
    charge = charge_of(read_request(encode_value(event)))
    assert charge is not None
    assert (charge.account_lease_id, charge.key_lease_id) == ("l1", "l2")
    other = event.model_copy(update={"workspace_id": 6, "key_id": 10})
    charge = charge_of(read_request(encode_value(other)))
    assert charge is not None
    assert (charge.account_lease_id, charge.key_lease_id) == (None, None)


@pytest.mark.parametrize("value", [b"", b"{}", b"nonsense", b'{"request_id": 5}', b"\xff\xfe"])
def test_what_is_no_request_is_told_so(value: bytes) -> None:
    with pytest.raises(NotChargeableError):
        read_request(value)
