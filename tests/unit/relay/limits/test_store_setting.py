"""Where limits are shared: an address that is none stops the relay at its start, and says why."""

import pytest
from pydantic import SecretStr, ValidationError

from services.relay.settings import RelaySettings

_check = RelaySettings._is_an_address


@pytest.mark.parametrize(
    "url", ["valkey://:secret@127.0.0.1:6379/0", "valkeys://:secret@cache.internal", "redis://h"]
)
def test_an_address_is_taken_as_it_is(url: str) -> None:
    taken = _check(SecretStr(url))
    assert taken is not None
    assert taken.get_secret_value() == url


def test_an_empty_one_is_none() -> None:
    assert _check(SecretStr("")) is None
    assert _check(None) is None


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://:Zanzibar@h", "valkey://", "Zanzibar"])
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RelaySettings(limits_store_url=SecretStr(url))  # type: ignore[call-arg]  # only this one counts
    told = [each for each in refused.value.errors() if each["loc"] == ("limits_store_url",)]
    assert told
    assert "Zanzibar" not in str(refused.value)
