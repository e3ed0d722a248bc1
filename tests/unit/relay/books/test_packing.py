"""A packed state is the state, in less room."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.books.packing import KeyPacking
from shared.events.event import encode_value
from shared.events.keys import KeyChanged
from shared.events.limits import RequestLimits
from shared.events.routing import Status

_PACKING = KeyPacking()
_TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["C"]), max_size=60)
_STATES = st.builds(
    KeyChanged,
    key_id=st.integers(1, 2**31),
    name=_TEXT | st.just('","status":1,'),
    workspace_id=st.integers(1, 2**31),
    user_id=st.integers(1, 2**31),
    status=st.sampled_from(Status),
    group=_TEXT,
    unlimited_quota=st.booleans(),
    is_deleted=st.booleans(),
    limits=st.builds(RequestLimits, requests_per_minute=st.none() | st.integers(0, 10**6)),
)


@given(_STATES)
def test_a_state_comes_back(state: KeyChanged) -> None:
    raw = encode_value(state)
    assert _PACKING.unpack(_PACKING.pack(raw)) == raw


@given(st.binary(max_size=300))
def test_any_bytes_come_back(raw: bytes) -> None:
    assert _PACKING.unpack(_PACKING.pack(raw)) == raw


@given(st.binary(max_size=40), st.booleans())
def test_bytes_that_end_as_a_state_does_come_back(head: bytes, is_cut: bool) -> None:
    plain = encode_value(KeyChanged(**_plain()))
    end = plain[plain.index(b',"status":') :]
    raw = head + end + (b"}" if is_cut else b"")
    assert _PACKING.unpack(_PACKING.pack(raw)) == raw


def test_one_packing_leaves_no_trace_in_the_next() -> None:
    raws = [b"x" * size for size in (0, 1, 500, 60_000, 2)]
    packed = [_PACKING.pack(raw) for raw in raws]
    assert [_PACKING.unpack(each) for each in reversed(packed)] == raws[::-1]


@pytest.mark.parametrize(
    ("changes", "most_bytes"),
    [
        ({}, 110),
        ({"status": Status.DISABLED}, 110),
        ({"unlimited_quota": False}, 110),
        ({"group": "vip", "model_limits": ("gpt-4o", "claude-sonnet-4-20250514")}, 130),
    ],
    ids=["plain", "disabled", "with a quota", "with lists"],
)
def test_a_state_of_400_bytes_takes_a_fraction(changes: dict[str, Any], most_bytes: int) -> None:
    raw = encode_value(KeyChanged(**_plain() | changes))
    assert len(raw) > 350
    assert len(_PACKING.pack(raw)) <= most_bytes


def _plain() -> dict[str, Any]:
    values: dict[str, Any] = {"key_id": 1_234_567, "name": "production", "user_id": 1_234_567}
    return values | {"workspace_id": 1_234_567, "status": Status.ENABLED}
