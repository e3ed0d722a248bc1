"""Whether a key may be used, now and from there; and whose it is."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.relay.books.directory import DirectoryBook
from services.relay.books.keys import KeyBook
from services.relay.callers.authentication import Authenticator, key_hash_of, refusal
from services.relay.dialects.bearer import bearer_of
from services.relay.errors import RelayError
from shared.events.requests import ErrorCode
from shared.events.routing import Status
from tests.unit.relay.made import caller

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def why(address: str = "192.0.2.1", **changes: Any) -> tuple[ErrorCode, int] | None:
    refused = refusal(caller(**changes), now=NOW, client_address=address)
    return None if refused is None else (refused.code, refused.http_status)


def test_a_key_in_order_may_be_used() -> None:
    assert why() is None
    assert why(key={"expires_at": NOW + SECOND}) is None


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"key": {"status": Status.DISABLED}}, ErrorCode.KEY_DISABLED, 401),
        ({"key": {"is_deleted": True}}, ErrorCode.KEY_DISABLED, 401),
        ({"user": {"status": Status.DISABLED}}, ErrorCode.KEY_DISABLED, 401),
        ({"user": {"is_deleted": True}}, ErrorCode.KEY_DISABLED, 401),
        ({"workspace": {"status": Status.DISABLED}}, ErrorCode.KEY_DISABLED, 401),
        ({"workspace": {"is_deleted": True}}, ErrorCode.KEY_DISABLED, 401),
        ({"key": {"status": Status.EXPIRED}}, ErrorCode.KEY_EXPIRED, 401),
        ({"key": {"expires_at": NOW}}, ErrorCode.KEY_EXPIRED, 401),
        ({"key": {"expires_at": NOW - SECOND}}, ErrorCode.KEY_EXPIRED, 401),
        ({"key": {"status": Status.EXHAUSTED}}, ErrorCode.KEY_EXHAUSTED, 403),
        ({"key": {"allow_addresses": ("10.0.0.1",)}}, ErrorCode.ADDRESS_NOT_ALLOWED, 403),
        (
            {"key": {"status": Status.DISABLED, "expires_at": NOW - SECOND}},
            ErrorCode.KEY_DISABLED,
            401,
        ),
    ],
)
def test_each_reason_has_its_code(changes: dict[str, Any], code: ErrorCode, status: int) -> None:
    assert why(**changes) == (code, status)


@pytest.mark.parametrize(
    ("allowed", "address", "is_allowed"),
    [
        (("192.0.2.1",), "192.0.2.1", True),
        (("192.0.2.1",), "192.0.2.2", False),
        (("10.0.0.0/8", "192.0.2.0/24"), "192.0.2.77", True),
        (("192.0.2.99/24",), "192.0.2.77", True),
        (("192.0.2.0/25",), "192.0.2.200", False),
        (("2001:db8::/32",), "2001:db8:1::9", True),
        (("2001:DB8::9",), "2001:db8:0:0::9", True),
        (("2001:db8::/32",), "2001:db9::1", False),
        (("2001:db8::/32", "192.0.2.1"), "192.0.2.1", True),
        (("0.0.0.0/0",), "2001:db8::1", False),
        (("10.0.0.1",), "", False),
        (("10.0.0.1",), "unknown", False),
        (("not an address",), "192.0.2.1", False),
    ],
)
def test_addresses_and_ranges(allowed: tuple[str, ...], address: str, is_allowed: bool) -> None:
    assert (why(address, key={"allow_addresses": allowed}) is None) is is_allowed


SECRET = "a" * 48
DIGEST = hashlib.sha256(SECRET.encode()).digest()


@pytest.mark.parametrize(
    "header",
    [
        f"Bearer sk-{SECRET}",
        f"bearer sk-{SECRET}",
        f"BEARER  sk-{SECRET} ",
        f"Bearer {SECRET}",
        f"sk-{SECRET}",
        SECRET,
    ],
)
def test_the_scheme_and_the_prefix_are_optional(header: str) -> None:
    assert key_hash_of(bearer_of({"Authorization": header})) == DIGEST


@pytest.mark.parametrize("header", [None, "", " ", "Bearer", "Bearer ", "Bearer sk-", "sk-"])
def test_no_key(header: str | None) -> None:
    assert key_hash_of(bearer_of({} if header is None else {"Authorization": header})) is None


@pytest.mark.parametrize(
    "header", [f"Basic {SECRET}", f"sk-sk-{SECRET}", "Bearer \udcff\udcfe", f"Bearer SK-{SECRET}"]
)
def test_another_key(header: str) -> None:
    assert key_hash_of(bearer_of({"Authorization": header})) not in {None, DIGEST}


class Lookup:
    """Control, that knows one key."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def find(self, key_hash: bytes) -> Any:
        self.asked.append(key_hash)
        return caller() if key_hash == DIGEST else None


async def test_a_key_in_the_book_is_not_asked_for() -> None:
    keys, directory, lookup = KeyBook(), DirectoryBook(), Lookup()
    who = Authenticator(keys=keys, directory=directory, lookup=lookup)
    shown = f"sk-{SECRET}"
    assert (await who.identify(shown, hint="")).key.key_id == 70
    assert lookup.asked == [DIGEST]
    known = caller(key={"key_id": 71, "group": "vip"})
    keys.put(DIGEST, known.key.model_dump_json().encode())
    await who.identify(shown, hint="")
    assert len(lookup.asked) == 2, "a key whose user is not there yet was taken"
    directory.put_user(known.user)
    directory.put_workspace(known.workspace)
    found = await who.identify(shown, hint="")
    assert (found.key.key_id, found.group, len(lookup.asked)) == (71, "vip", 2)
    keys.put(DIGEST, None)
    await who.identify(shown, hint="")
    assert len(lookup.asked) == 3


@pytest.mark.parametrize("shown", [None, "sk-", "sk-unknown"])
async def test_an_unknown_key_is_401(shown: str | None) -> None:
    who = Authenticator(keys=KeyBook(), directory=DirectoryBook(), lookup=Lookup())
    with pytest.raises(RelayError) as caught:
        await who.identify(shown, hint="send one")
    assert (caught.value.http_status, caught.value.code) == (401, ErrorCode.INVALID_API_KEY)
    assert "sk-unknown" not in caught.value.message
