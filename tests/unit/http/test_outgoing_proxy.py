import pytest

from shared.http.egress import EgressPolicy
from shared.http.outgoing_proxy import check_proxy_url, has_credentials, without_credentials

POLICY = EgressPolicy(["10.1.0.0/16"])


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy.example.com:3128",
        "https://proxy.example.com/",
        "http://user:p%40ss@proxy.example.com:3128",
        "http://token@10.1.2.3:3128",
    ],
)
def test_an_address_of_a_proxy_may_carry_credentials(url: str) -> None:
    check_proxy_url(url, POLICY)


@pytest.mark.parametrize(
    "url",
    [
        "socks5://proxy.example.com",
        "proxy.example.com:3128",
        "http://user:secret@10.2.0.1:3128",
        "http://user:secret@127.0.0.1",
        "http://[::1",
        "http://proxy.example.com:99999",
        "http://user:secret@proxy.example.com/path",
        "http://proxy.example.com?secret",
        "http://two words@proxy.example.com",
        "http://proxy.example.com\\@10.1.0.1",
        "http://proxy.example.com\r\nsecret: 1",
        "http://user:secret@",
    ],
)
def test_what_is_no_proxys_address_is_refused_without_its_credentials(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        check_proxy_url(url, POLICY)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown", "has"),
    [
        ("http://user:secret@host:3128/", "http://host:3128", True),
        ("http://user:se@cret@host:3128", "http://host:3128", True),
        ("http://:secret@[2001:db8::1]:1", "http://[2001:db8::1]:1", True),
        ("https://host", "https://host", False),
    ],
)
def test_what_is_shown_of_it_has_no_credentials(url: str, shown: str, has: bool) -> None:
    assert without_credentials(url) == shown
    assert has_credentials(url) is has
