"""How many workers, and what they need."""

import pytest
from pydantic import ValidationError

from services.relay.settings import RelaySettings

_REQUIRED = {
    "INSTANCE": "relay-0",
    "KAFKA_BOOTSTRAP": "127.0.0.1:1",
    "HTTP_PORT": "1",
    "INTERNAL_PORT": "2",
    "SERVICE_SECRET": "secret",
    "MASTER_KEY": "a2V5",
    "JOURNAL_DIR": "journal",
    "CONTROL_INTERNAL_URL": "http://control",
    "BILLING_INTERNAL_URL": "http://billing",
    "CONTROL_API_URL": "http://control",
    "BILLING_API_URL": "http://billing",
    "LOGGING_API_URL": "http://logging",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _REQUIRED.items():
        monkeypatch.setenv(f"LEDGERLINE_{name}", value)
    monkeypatch.delenv("RELAY_WORKERS", raising=False)
    monkeypatch.delenv("LEDGERLINE_RELAY_WORKERS", raising=False)


def read() -> RelaySettings:
    return RelaySettings()  # type: ignore[call-arg]  # the environment has them


def test_a_relay_is_one_process_unless_told_otherwise() -> None:
    assert read().relay_workers == 1


@pytest.mark.parametrize("name", ["RELAY_WORKERS", "LEDGERLINE_RELAY_WORKERS"])
def test_both_names_of_the_setting_are_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "3")
    monkeypatch.setenv("LEDGERLINE_LIMITS_STORE_URL", "valkey://:p@127.0.0.1:1/0")
    assert read().relay_workers == 3


def test_the_long_name_counts_where_both_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_WORKERS", "3")
    monkeypatch.setenv("LEDGERLINE_RELAY_WORKERS", "1")
    assert read().relay_workers == 1


def test_several_workers_that_would_each_count_limits_alone_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A limit of 100 would let through 300, and nobody would know."""
    monkeypatch.setenv("RELAY_WORKERS", "3")
    with pytest.raises(ValidationError, match="LEDGERLINE_LIMITS_STORE_URL"):
        read()
    monkeypatch.setenv("LEDGERLINE_LIMITS_PER_WORKER", "true")
    assert read().relay_workers == 3
