import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.control.fields import parse_addresses
from shared.http.addresses import is_allowed

networks = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
    st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
).map(lambda pair: ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False))


@pytest.mark.parametrize(
    ("address", "allowed", "is_let_in"),
    [
        ("192.0.2.1", ("192.0.2.1",), True),
        ("192.0.2.2", ("192.0.2.1",), False),
        ("192.0.2.0", ("192.0.2.0/25",), True),
        ("192.0.2.127", ("192.0.2.0/25",), True),
        ("192.0.2.128", ("192.0.2.0/25",), False),
        ("192.0.1.255", ("192.0.2.0/25",), False),
        ("203.0.113.9", ("192.0.2.1", "203.0.113.0/24"), True),
        ("2001:db8::1", ("2001:db8::/32",), True),
        ("2001:db9::1", ("2001:db8::/32",), False),
        ("192.0.2.1", ("2001:db8::/32",), False),
        ("::ffff:192.0.2.1", ("192.0.2.1",), True),
        ("::ffff:192.0.2.1", ("::/0",), False),
        ("192.0.2.1", ("what is this", "192.0.2.1"), True),
        ("192.0.2.1", ("what is this",), False),
        ("", ("0.0.0.0/0", "::/0"), False),
        ("unknown", ("0.0.0.0/0", "::/0"), False),
        ("192.0.2.1", (), False),
    ],
)
def test_who_is_let_in(address: str, allowed: tuple[str, ...], *, is_let_in: bool) -> None:
    assert is_allowed(address, allowed) is is_let_in


@given(allowed=st.lists(networks, min_size=1, max_size=5), data=st.data())
def test_what_control_takes_the_relay_reads_as_the_same(
    allowed: list[ipaddress.IPv4Network | ipaddress.IPv6Network], data: st.DataObject
) -> None:
    """Both ends and any address of each range are in; what is in none is out."""
    lines = "\n".join(map(str, allowed))
    kept = tuple(parse_addresses(lines))
    assert parse_addresses("\n".join(kept)) == list(kept)
    network = data.draw(st.sampled_from(allowed))
    inside = network[data.draw(st.integers(0, network.num_addresses - 1))]
    mapped = getattr(inside, "ipv4_mapped", None)
    if mapped is None:
        for address in (network[0], inside, network[-1]):
            if getattr(address, "ipv4_mapped", None) is None:
                assert is_allowed(str(address), kept)
    anyone = data.draw(st.ip_addresses(v=4))
    assert is_allowed(str(anyone), kept) is any(anyone in each for each in allowed)


@given(st.text(max_size=80))
def test_lines_are_addresses_or_a_clear_error(lines: str) -> None:
    try:
        kept = parse_addresses(lines)
    except ValueError as error:
        if str(error) != "allow_ips takes one address or CIDR range a line":
            raise
        return
    for address in kept:
        assert len(address) <= 64
        assert ipaddress.ip_network(address)
