"""Every described call of `/api` goes to the service that serves it."""

from unittest.mock import Mock

import pytest

from operations.openapi.tables import TABLES
from services.relay.routes import owners

_SERVICES = {
    "people": "control",
    "keys": "control",
    "channels": "control",
    "models": "control",
    "billing": "billing",
    "log": "logging",
    "requests": "logging",
    "transparency": "logging",
    "usage": "logging",
}
_OWNERS = owners(Mock())


def _owner(path: str) -> str | None:
    """By whole segments, the longest prefix first, as the door does."""
    prefixes = [p for p in _OWNERS if path == p or path.startswith(p + "/")]
    return _OWNERS[max(prefixes, key=len)].service if prefixes else None


def test_every_table_has_a_service() -> None:
    # The relay answers the calls of `status` itself.
    assert set(TABLES) - set(_SERVICES) == {"status"}


@pytest.mark.parametrize(("table", "service"), _SERVICES.items())
def test_a_call_has_the_owner_that_serves_it(table: str, service: str) -> None:
    assert {call.path: _owner(call.path) for call in TABLES[table]} == {
        call.path: service for call in TABLES[table]
    }


def test_no_prefix_is_passed_on_for_nothing() -> None:
    paths = [call.path for calls in TABLES.values() for call in calls]
    for prefix in _OWNERS:
        assert any(path == prefix or path.startswith(prefix + "/") for path in paths), prefix
