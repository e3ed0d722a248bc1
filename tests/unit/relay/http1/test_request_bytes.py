"""The head of a request: nothing that a key or a URL holds breaks out of its line."""

from typing import Any, cast

import pytest

from services.relay.http1.request_bytes import RequestHeads
from services.relay.http1.target import target_of
from tests.unit.relay.http1.raw_server import call


def test_the_whole_head() -> None:
    asked = call("https://api.example.com/v1/chat/completions?a=b%20c", b"12345")
    assert RequestHeads().head(asked) == (
        b"POST /v1/chat/completions?a=b%20c HTTP/1.1\r\n"
        b"Host: api.example.com\r\n"
        b"Authorization: Bearer k\r\n"
        b"Content-Type: application/json\r\n"
        b"Accept: */*\r\n"
        b"Accept-Encoding: identity\r\n"
        b"traceparent: 00-1-2-01\r\n"
        b"Content-Length: 5\r\n\r\n"
    )


def test_what_is_remembered_of_a_head_is_only_what_is_the_same() -> None:
    heads = RequestHeads()
    first = call("http://h/a", b"1", authorization="Bearer one")
    others = [
        first._replace(url="http://h/b"),
        first._replace(headers=(("Authorization", "Bearer two"),)),
        first._replace(headers=()),
        first._replace(accept="text/event-stream"),
        first._replace(traceparent="00-3-4-01"),
        first._replace(body=b"12"),
    ]
    for asked in (first, *others, *others, first):
        assert heads.head(asked) == RequestHeads().head(asked)
    assert len({heads.head(asked) for asked in (first, *others)}) == 7


@pytest.mark.parametrize("bad", ["\r\nX: 1", "\n", "\r", "\x00", "\x7f", "\x85", "\u2028", "\x0b"])
@pytest.mark.parametrize("name", ["headers", "accept", "traceparent"])
def test_values_that_would_end_their_line_are_refused(name: str, bad: str) -> None:
    value = (("x-api-key", f"a{bad}b"),) if name == "headers" else f"a{bad}b"
    asked = call("http://host/")._replace(**cast("Any", {name: value}))
    with pytest.raises(ValueError, match="control characters"):
        RequestHeads().head(asked)


@pytest.mark.parametrize(
    ("url", "origin", "host", "path"),
    [
        ("http://h", (False, "h", 80), "h", "/"),
        ("https://H.Example/v1", (True, "h.example", 443), "h.example", "/v1"),
        ("https://h:443/v1", (True, "h", 443), "h", "/v1"),
        ("http://h:443/v1", (False, "h", 443), "h:443", "/v1"),
        ("http://[::1]:8080/a b", (False, "::1", 8080), "[::1]:8080", "/a%20b"),
        (
            "http://bücher.example/ü?q=ü",
            (False, "xn--bcher-kva.example", 80),
            None,
            "/%C3%BC?q=%C3%BC",
        ),
        ("http://h/a#part", (False, "h", 80), "h", "/a"),
    ],
)
def test_a_url_is_taken_apart(
    url: str, origin: tuple[bool, str, int], host: str | None, path: str
) -> None:
    target = target_of(url)
    assert tuple(target.origin) == origin
    assert target.host_header == (host or origin[1])
    assert target.path == path


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "ftp://h/",
        "http:///path",
        "http://user:password@h/",
        "http://h:99999/",
        "http://h:x/",
        "http://h/\r\nX: 1",
        "http://h\n/",
        "http://a b/",
        "http://" + "a" * 70 + "ü.example/",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of several kinds, by the standard library too
        target_of(url)
