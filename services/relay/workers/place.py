"""Where a relay process stands: alone, or as one of several workers. What `app.py` sees of it."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from prometheus_client import CollectorRegistry

from services.relay.settings import RelaySettings
from shared.http.internal_server import Readiness, internal_app
from shared.http.serving import served


class Place(Protocol):
    """What differs between the two."""

    @property
    def shares_port(self) -> bool:
        """Whether others listen on the public port too."""

    def told(
        self, settings: RelaySettings, *, registry: CollectorRegistry, readiness: Readiness
    ) -> AbstractAsyncContextManager[None]:
        """Tell who asks of the metrics and the readiness, for the time of the block."""


class Alone:
    """The only process of its relay: it serves the internal port itself."""

    shares_port = False

    def told(
        self, settings: RelaySettings, *, registry: CollectorRegistry, readiness: Readiness
    ) -> AbstractAsyncContextManager[None]:
        """Serve the internal port."""
        internal = internal_app(
            registry=registry, readiness=readiness, callers=settings.internal_callers
        )
        return served(internal, host=settings.internal_host, port=settings.internal_port)
