from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from services.control.fields import (
    BaseUrl,
    Named,
    ProviderKey,
    from_unix,
    parse_addresses,
    parse_names,
    to_unix,
)
from services.control.paging import Paging
from services.control.people.store_users import fold_username


class _Model(BaseModel):
    named: Named = "x"
    url: BaseUrl = "https://x"
    key: ProviderKey | None = None


@given(st.text(max_size=200))
def test_a_name_that_is_taken_is_one_that_postgres_takes(text: str) -> None:
    try:
        name = _Model(named=text).named
    except ValidationError:
        return
    assert 1 <= len(name) <= 128
    assert "\x00" not in name
    assert name == name.strip()
    name.encode()


@given(st.text(max_size=100))
def test_a_providers_key_fits_into_a_header(text: str) -> None:
    try:
        key = _Model.model_validate({"key": text}).key
    except ValidationError:
        return
    assert key is not None
    assert all("!" <= char <= "~" for char in key.get_secret_value())


@given(st.text(max_size=100))
def test_what_is_wrong_with_a_url_is_an_error_and_no_exception_of_another_kind(text: str) -> None:
    try:
        url = _Model(url=f"https://{text}").url
    except ValidationError:
        return
    assert not url.endswith("/")


def test_addresses_are_kept_in_one_form() -> None:
    lines = " 10.0.0.1 \r\n10.1.2.3/8,2001:DB8::/32\n\n::0001\n"
    assert parse_addresses(lines) == ["10.0.0.1", "10.0.0.0/8", "2001:db8::/32", "::1"]
    for wrong in ("10.0.0", "host", "10.0.0.1/33", "\x00", "fe80::1%" + "x" * 500):
        with pytest.raises(ValueError, match="one address or CIDR range a line"):
            parse_addresses(wrong)


def test_names_of_models_are_kept_once() -> None:
    assert parse_names(" a,b ,,a, c/d:e ") == ["a", "b", "c/d:e"]
    assert parse_names("") == []


def test_never_is_minus_one() -> None:
    assert from_unix(-1) is None
    assert from_unix(0) is None
    assert to_unix(None) == -1
    assert from_unix(1) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert to_unix(from_unix(253_402_300_799)) == 253_402_300_799


def test_pages() -> None:
    assert (Paging().page, Paging().limit, Paging().offset) == (1, 20, 0)
    asked = Paging.model_validate({"p": "3", "size": "500"})
    assert (asked.page, asked.limit, asked.offset) == (3, 100, 200)
    assert Paging.model_validate({"p": "0", "ps": "7"}).page == 1


def test_usernames_that_look_alike_are_one() -> None:
    assert fold_username("Straße") == fold_username("STRASSE")
    assert fold_username("ﬁn") == fold_username("FIN")
    assert fold_username("ada") != fold_username("adа")
