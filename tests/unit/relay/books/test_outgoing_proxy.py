from services.relay.books.routing import Channel, RoutingBook
from shared.crypto.sealed import PROXY, ChannelKeyBox
from shared.http.egress import EgressPolicy
from tests.unit.relay import made

_BOX = ChannelKeyBox(bytes(32))
PROXY_URL = "http://user:secret@127.0.0.9:3128"


def _channel(**changes: object) -> Channel | None:
    book = RoutingBook(box=_BOX, egress=EgressPolicy(["127.0.0.0/8"]))
    key = _BOX.seal("key", channel_id=1)
    book.put_channel(made.channel(1, key_ciphertext=key, credentials=(), **changes))
    tiers = book.tiers(made.MODEL, made.GROUP, "openai")
    return tiers[0][0] if tiers else None


def test_a_channel_is_called_through_the_proxy_that_was_sealed_for_it() -> None:
    channel = _channel(proxy_url_ciphertext=_BOX.seal(PROXY_URL, channel_id=1, part=PROXY))
    assert channel is not None
    assert channel.proxy_url == PROXY_URL
    assert not channel.http2
    assert "secret" not in repr(channel)


def test_a_channel_says_whether_it_is_offered_http2() -> None:
    channel = _channel(http2=True)
    assert channel is not None
    assert channel.http2
    assert channel.proxy_url is None


def test_a_channel_whose_proxy_cannot_be_used_is_not_called_directly_instead() -> None:
    for sealed in (
        _BOX.seal(PROXY_URL, channel_id=1),  # a key in the place of a proxy
        _BOX.seal(PROXY_URL, channel_id=2, part=PROXY),
        _BOX.seal("http://10.0.0.1:3128", channel_id=1, part=PROXY),
        "nonsense",
    ):
        assert _channel(proxy_url_ciphertext=sealed) is None
