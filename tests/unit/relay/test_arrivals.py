"""What is noted of a request at its arrival fits the event's types, whatever was sent."""

from dataclasses import dataclass
from typing import Any, cast

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from services.relay.arrivals import Arrivals
from services.relay.exchange import Arrival

PROXIES = ["10.0.0.0/8", "fd00::/8"]


@dataclass
class Came:
    """Of an aiohttp request, what is noted. aiohttp's own cannot be made with broken bytes."""

    remote: str | None
    headers: CIMultiDict[str]
    url: URL
    method: str = "POST"

    @property
    def query(self) -> Any:
        return self.url.query

    @property
    def raw_path(self) -> str:
        return self.url.raw_path_qs


def came(peer: str | None, headers: dict[str, str], path: str = "/") -> web.Request:
    return cast("web.Request", Came(peer, CIMultiDict(headers), URL(path)))


def arrived(headers: dict[str, str], path: str = "/") -> Arrival:
    return Arrivals([]).take(came("192.0.2.1", headers, path), path="/v1/x")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1,garbage", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, garbage, 10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1:443", "10.0.0.1"),
        ("10.0.0.1", "fe80::1%" + "z" * 500, "10.0.0.1"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
        (None, "198.51.100.1", ""),
    ],
)
def test_a_forwarded_address_is_believed_from_the_operators_proxies_only(
    peer: str | None, forwarded: str | None, client: str
) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert Arrivals(PROXIES).client_address(came(peer, headers)) == client


def test_without_trusted_proxies_nobody_is_believed() -> None:
    request = came("10.0.0.1", {"X-Forwarded-For": "198.51.100.1"})
    assert Arrivals([]).client_address(request) == "10.0.0.1"


@pytest.mark.parametrize(
    ("agent", "kept", "is_fitted"),
    [
        ("openai/1.0", "openai/1.0", False),
        ("a" * 256, "a" * 256, False),
        ("a" * 1_000_000, "a" * 256, True),
        ("bad\udcffbyte", "bad\ufffdbyte", True),
        ("tab\there", "tab\ufffdhere", True),
    ],
)
def test_a_user_agent_is_made_to_fit_and_marked(agent: str, kept: str, is_fitted: bool) -> None:
    noted = arrived({"User-Agent": agent})
    assert noted.user_agent == kept
    assert noted.fitted == (("user_agent",) if is_fitted else ())


def test_of_the_query_known_names_are_kept_and_no_values() -> None:
    noted = arrived({}, "/v1/x?api-version=secret&prompt=zebra&beta")
    assert sorted(noted.query_parameters) == ["api-version", "beta"]
    assert noted.path == "/v1/x"


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        ("api.example.com", "api.example.com"),
        ("relay:8080", "relay:8080"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("Made-Up-By-Hand", ""),
        ("what I said", ""),
        ("what%20I%20said", ""),
        ("user@example.com", ""),
        ("example.com:123456", ""),
        ("example.com\n", ""),
        ("a" * 201, ""),
        ("", ""),
    ],
)
def test_of_a_host_that_is_kept_which_looks_like_one(host: str, kept: str) -> None:
    assert arrived({"Host": host}).request_host == kept


@pytest.mark.parametrize(
    ("origin", "kept"),
    [
        ("https://chat.example.com", "https://chat.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("https://[::1]:3000", "https://[::1]:3000"),
        ("null", ""),
        ("https://example.com/what/i?said", ""),
        ("https://user:said@example.com", ""),
        ("what I said", ""),
        ("", ""),
    ],
)
def test_of_an_origin_no_more_is_kept_than_where_a_page_came_from(origin: str, kept: str) -> None:
    assert arrived({"Origin": origin}).origin == kept


@pytest.mark.parametrize(
    ("count", "kept"),
    [("0", 0), ("2", 2), ("12345", None), ("-1", None), ("²", None), ("1 more", None), ("", None)],
)
def test_how_often_a_library_tried_before_is_a_small_number(count: str, kept: int | None) -> None:
    assert arrived({"x-stainless-retry-count": count}).client_retry_count == kept


def test_the_clients_span_is_kept_of_its_trace() -> None:
    noted = arrived({"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "said=zebra"})
    assert (noted.trace_id, noted.parent_span_id) == ("a" * 32, "b" * 16)
    assert noted.traceparent.split("-")[2] != noted.parent_span_id


def test_of_who_says_nothing_of_itself_nothing_is_noted() -> None:
    noted = arrived({})
    told = (noted.parent_span_id, noted.origin, noted.request_host, noted.client_retry_count)
    assert told == (None, "", "", None)


@given(st.text(st.characters(exclude_characters="\r\n\0", max_codepoint=0xDFFF), max_size=300))
def test_any_header_arrives(text: str) -> None:
    headers = dict.fromkeys(("User-Agent", "traceparent", "Host", "Origin"), text)
    noted = arrived(headers | {"x-stainless-retry-count": text})
    assert len(noted.user_agent) <= 256
    assert noted.request_host in {"", text}
    assert noted.origin in {"", text}
    assert len(noted.traceparent) == 55
    assert noted.traceparent.split("-")[1] == noted.trace_id
    assert noted.request_id.replace("-", "") == noted.id_bytes.hex()
