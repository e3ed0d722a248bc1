"""What is kept of a caller between its requests, and when that is thrown away."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.books.directory import DirectoryBook
from services.relay.books.keys import KeyBook
from services.relay.callers.authentication import Authenticator, refusal
from services.relay.callers.caller import ApiCaller
from services.relay.errors import RelayError
from shared.events.directory import ProjectChanged
from shared.events.limits import RequestLimits
from shared.events.requests import ErrorCode
from shared.events.routing import Status
from tests.unit.relay.made import caller, offer

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SECRET = "s" * 48
DIGEST = hashlib.sha256(SECRET.encode()).digest()
STATUSES = st.sampled_from(Status)
OF_ANYBODY = st.fixed_dictionaries({}, optional={"status": STATUSES, "is_deleted": st.booleans()})
OF_A_KEY = st.fixed_dictionaries(
    {},
    optional={
        "status": STATUSES,
        "is_deleted": st.booleans(),
        "expires_at": st.none() | st.datetimes(timezones=st.just(UTC)),
        "allow_addresses": st.sampled_from([(), ("192.0.2.1",), ("0.0.0.0/0", "::/0")]),
    },
)


@given(
    OF_A_KEY,
    OF_ANYBODY,
    OF_ANYBODY,
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["192.0.2.1", "2001:db8::1", "", "unknown"]),
)
def test_who_may_come_at_any_time_and_from_anywhere_is_never_refused(
    key: dict[str, Any],
    user: dict[str, Any],
    workspace: dict[str, Any],
    now: datetime,
    address: str,
) -> None:
    who = caller(key=key, user=user, workspace=workspace)
    may_at_any_time, who.is_unconditional = who.is_unconditional, False
    # By each rule, and not by the short way.
    refused = refusal(who, now=now, client_address=address)
    if may_at_any_time:
        assert refused is None


def test_a_key_in_order_needs_no_second_look_and_one_that_ends_does() -> None:
    assert caller().is_unconditional
    assert not caller(key={"expires_at": NOW}).is_unconditional
    assert not caller(key={"allow_addresses": ("192.0.2.1",)}).is_unconditional


def test_what_must_cover_a_request_is_the_key_s_own_quota_before_its_account() -> None:
    assert caller(key={"unlimited_quota": True}).subjects == ("account:7",)
    assert caller(key={"unlimited_quota": False}).subjects == ("key:70", "account:7")


@pytest.mark.parametrize(
    "limits", [{"requests_per_minute": 0}, {"tokens_per_minute": 9}, {"concurrent_requests": 1}]
)
def test_a_key_has_limits_where_it_has_any(limits: dict[str, Any]) -> None:
    assert caller(key={"limits": RequestLimits(**limits)}).has_limits
    assert not caller().has_limits


class Unasked:
    """Control, which no test here may ask."""

    async def find(self, key_hash: bytes) -> ApiCaller | None:
        raise AssertionError(key_hash)


class Known:
    """A key, its user, its workspace and its project, all in the books."""

    def __init__(self) -> None:
        self.keys, self.directory = KeyBook(), DirectoryBook()
        self.made = caller(key={"project_id": 5})
        self.who = Authenticator(keys=self.keys, directory=self.directory, lookup=Unasked())
        self.put_key()
        self.directory.put_user(self.made.user)
        self.directory.put_workspace(self.made.workspace)
        self.put_project("one")

    def put_key(self, **changes: Any) -> None:
        key = self.made.key.model_copy(update=changes)
        self.keys.put(DIGEST, key.model_dump_json().encode())

    def put_project(self, name: str) -> None:
        self.directory.put_project(ProjectChanged(project_id=5, workspace_id=7, name=name))

    def caller(self) -> ApiCaller | None:
        return self.who.known(f"sk-{SECRET}", hint="")


def test_a_caller_is_put_together_once_whatever_becomes_of_other_keys() -> None:
    known = Known()
    before = known.caller()
    assert before is not None
    known.keys.put(b"x" * 32, known.made.key.model_dump_json().encode())
    known.keys.put(b"x" * 32, None)
    assert known.caller() is before


def test_a_change_of_anything_that_it_is_made_of_is_seen_at_the_next_request() -> None:
    known = Known()

    def found() -> ApiCaller:
        caller_now = known.caller()
        assert caller_now is not None
        return caller_now

    assert (found().group, found().project_name) == ("default", "one")
    known.put_key(name="renamed", status=Status.DISABLED)
    assert (found().key.name, found().is_unconditional) == ("renamed", False)
    assert '"key_name":"renamed"' in found().event_json
    known.put_key()
    known.directory.put_user(known.made.user.model_copy(update={"group": "vip"}))
    assert (found().group, found().is_unconditional) == ("vip", True)
    closed = known.made.workspace.model_copy(update={"status": Status.DISABLED})
    known.directory.put_workspace(closed)
    assert not found().is_unconditional
    known.put_project("two")
    assert '"project_name":"two"' in found().event_json


def test_one_that_is_gone_is_known_no_more() -> None:
    forgets: list[Callable[[Known], None]] = [
        lambda known: known.keys.put(DIGEST, None),
        lambda known: known.directory.forget("user:700"),
        lambda known: known.directory.forget("workspace:7"),
    ]
    for forget in forgets:
        known = Known()
        assert known.caller() is not None
        forget(known)
        assert known.caller() is None


def test_offers_are_not_carried_over_to_a_caller_that_changed() -> None:
    known = Known()
    before = known.caller()
    assert before is not None
    before.offers["m"] = offer()
    known.put_key(model_limits=())
    after = known.caller()
    assert after is not None
    assert not after.offers


def test_who_shows_no_key_is_told_how() -> None:
    with pytest.raises(RelayError) as caught:
        Known().who.known(None, hint="send one")
    assert caught.value.code is ErrorCode.INVALID_API_KEY
    assert "send one" in caught.value.message
