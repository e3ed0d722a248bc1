"""Where a URL that a person gave may lead."""

import pytest

from shared.http.egress import EgressPolicy, EgressRefusedError, EgressResolver

PUBLIC = [
    "93.184.216.34",
    "2606:2800:220:1:248:1893:25c8:1946",
    "::ffff:93.184.216.34",
    "64:ff9b::93.184.216.34",
]
PRIVATE = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",  # noqa: S104  # an address to refuse
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::169.254.169.254",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert EgressPolicy().allows(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_special_networks_are_not(address: str) -> None:
    assert not EgressPolicy().allows(address)


def test_the_operator_may_allow_a_network() -> None:
    policy = EgressPolicy(["10.0.0.0/8", "::1/128"])
    assert policy.allows("10.1.2.3")
    assert policy.allows("::ffff:10.1.2.3")
    assert policy.allows("::1")
    assert not policy.allows("127.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/v1",
        "ftp://example.org",
        "file:///etc/passwd",
        "gopher://example.org",
        "http://",
        "http:///v1",
        "http://user@example.org",
        "http://user:password@example.org",
        "http://:@example.org",
        "https://example.org/v1?key=1",
        "https://example.org/v1#x",
        "http://127.0.0.1:9000/v1",
        "http://[::1]/v1",
        "http://[::ffff:10.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://169.254.169.254/latest",
        "http://[::1",
        "http://127。0。0。1:9000/v1",
        "http://①②⑦.0.0.1/v1",
        "http://１６９.254.169.254/latest",
    ],
)
def test_a_url_that_can_be_seen_to_be_wrong_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        EgressPolicy().check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://93.184.216.34:8080",
        "HTTPS://Example.org",
        "https://bücher.example/v1",
    ],
)
def test_other_urls_pass(url: str) -> None:
    EgressPolicy().check_url(url)


@pytest.mark.parametrize("name", ["localhost", "127.1", "2130706433", "0x7f.1"])
async def test_a_name_that_leads_inside_is_refused_when_connecting(name: str) -> None:
    resolver = EgressResolver(EgressPolicy())
    with pytest.raises(EgressRefusedError):
        await resolver.resolve(name, 80)
    await resolver.close()


async def test_a_name_that_leads_to_an_allowed_network_resolves() -> None:
    resolver = EgressResolver(EgressPolicy(["127.0.0.0/8"]))
    hosts = {result["host"] for result in await resolver.resolve("localhost", 80)}
    assert hosts == {"127.0.0.1"}
    await resolver.close()
