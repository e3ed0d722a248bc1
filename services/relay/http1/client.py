"""An Upstream over HTTP/1.1, made for relaying. See docs/decisions/0009-own-http1-upstream.md."""

import asyncio
import ssl
from typing import Final, cast

from services.relay.http1.connecting import Connector
from services.relay.http1.connection import Connection, Owner
from services.relay.http1.pool import Place, Pool
from services.relay.http1.request_bytes import RequestHeads
from services.relay.http1.target import target_of
from services.relay.upstreams.upstream import UpstreamAnswer, UpstreamCall, UpstreamFailure
from shared.events.requests import ErrorCode
from shared.http.egress import EgressPolicy

KEEP_S: Final = 60.0
"""How long a connection may wait for its next call."""


class Http1Upstream:
    """Sends calls over pooled connections. Redirects are answers like others.

    A call is sent again, once and on a fresh connection, only where a connection that had carried
    another call before ended without a byte of the answer: the peer had closed it while it waited.
    """

    def __init__(
        self,
        *,
        policy: EgressPolicy,
        tls: ssl.SSLContext,
        first_byte_s: float,
        idle_s: float,
        connect_s: float,
        max_connections: int,
        keep_s: float = KEEP_S,
    ) -> None:
        """`max_connections` is for each origin of each channel."""
        self._connector = Connector(policy=policy, tls=tls)
        self._first_byte_s = first_byte_s
        self._idle_s = idle_s
        self._connect_s = connect_s
        self._keep_s = keep_s
        self._heads = RequestHeads()
        self.pool = Pool(open_=self._open, limit=max_connections)

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        """See Upstream."""
        try:
            place = Place(call.pool, target_of(call.url).origin)
            head = self._heads.head(call)
        except ValueError:
            raise UpstreamFailure(ErrorCode.UPSTREAM_CONNECTION) from None
        deadline = asyncio.get_running_loop().time() + self._first_byte_s
        connection = self.pool.take_waiting(place)
        if connection is None:
            connection = await self._take(place, deadline, is_fresh=False)
        was_reused = connection.is_reused
        answer = connection.send(head, call.body, deadline=deadline)
        try:
            await answer.wait_head()
        except UpstreamFailure as failure:
            is_stale = was_reused and answer.is_untouched
            if not is_stale or failure.code is not ErrorCode.UPSTREAM_CONNECTION:
                raise
        else:
            return answer
        self.pool.tally.retried += 1
        connection = await self._take(place, deadline, is_fresh=True)
        answer = connection.send(head, call.body, deadline=deadline)
        await answer.wait_head()
        return answer

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()

    async def _take(self, place: Place, deadline: float, *, is_fresh: bool) -> Connection:
        loop = asyncio.get_running_loop()
        until = min(deadline, loop.time() + self._connect_s)
        try:
            async with asyncio.timeout_at(until):
                return await self.pool.take(place, is_fresh=is_fresh)
        except TimeoutError:
            self.pool.tally.failed += 1
            raise UpstreamFailure(ErrorCode.UPSTREAM_TIMEOUT) from None
        except (OSError, ValueError):
            self.pool.tally.failed += 1
            raise UpstreamFailure(ErrorCode.UPSTREAM_CONNECTION) from None

    async def _open(self, place: Place, owner: Owner) -> Connection:
        connection = Connection(owner, idle_s=self._idle_s, keep_s=self._keep_s)
        protocol = cast("asyncio.Protocol", connection)
        await self._connector.connect(place.origin, lambda: protocol)
        if not connection.is_open:
            raise ConnectionResetError
        return connection
