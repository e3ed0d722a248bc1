"""What a test asks for that shall hold on each way to a client."""

import pytest
from aiohttp import web

from shared.http.buffered_body import BufferedBody
from shared.http.raw_body import RawBody, StreamBody, begin_body
from tests.unit.relay.served_routes import served_by_aiohttp


@pytest.fixture(params=[RawBody, BufferedBody])
def kind_of_body(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> type[StreamBody]:
    """Streams of `relayed` go straight to the transport, or through aiohttp."""
    expected: type[StreamBody] = request.param
    if expected is BufferedBody:
        monkeypatch.setattr("tests.unit.relay.relayed.served_routes", served_by_aiohttp)

    async def begun(asked: web.BaseRequest, response: web.StreamResponse) -> StreamBody:
        body = await begin_body(asked, response)
        assert isinstance(body, expected)
        return body

    monkeypatch.setattr("services.relay.answering.passing.begin_body", begun)
    return expected
