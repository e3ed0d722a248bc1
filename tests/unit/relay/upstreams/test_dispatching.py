"""Which client a call goes through, and that none is made before it is needed."""

from typing import Any

import pytest

from services.relay.upstreams.dispatching import Upstreams
from services.relay.upstreams.upstream import Upstream
from tests.unit.relay.fake_upstream import FakeUpstream, plain
from tests.unit.relay.http1.raw_server import call


@pytest.mark.parametrize(
    ("changes", "client"),
    [
        ({}, "plain"),
        ({"http2": True}, "http2"),
        ({"proxy_url": "http://proxy.example:3128"}, "proxied"),
        ({"proxy_url": "http://proxy.example:3128", "http2": True}, "proxied"),
    ],
)
async def test_a_call_goes_through_the_client_that_it_needs(
    changes: dict[str, Any], client: str
) -> None:
    clients = {name: FakeUpstream({0: plain(b"")}) for name in ("plain", "http2", "proxied")}
    made: list[str] = []

    def make(name: str) -> Upstream:
        made.append(name)
        return clients[name]

    upstreams = Upstreams(
        plain=clients["plain"],
        make_proxied=lambda: make("proxied"),
        make_http2=lambda: make("http2"),
    )
    asked = call("http://channel.0/")._replace(**changes)
    for _ in range(2):
        await upstreams.send(asked)
    assert {name: len(each.calls) for name, each in clients.items() if each.calls} == {client: 2}
    assert made == ([] if client == "plain" else [client])
