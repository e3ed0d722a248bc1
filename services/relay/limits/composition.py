"""What of the composition root is about limits: called by `app.py` once, and by nobody else."""

from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from services.relay.limits.book import LimitBook
from services.relay.limits.limiter import Limiter
from services.relay.limits.memory_store import MemoryStore
from services.relay.limits.metrics import LimitMetrics
from services.relay.limits.shared_store import SharedStore
from services.relay.limits.store_link import StoreLink
from services.relay.settings import RelaySettings


class Limits(NamedTuple):
    """The parts that others need."""

    book: LimitBook
    limiter: Limiter
    link: StoreLink | None
    """To the shared store; null: none is set."""
    settings: RelaySettings

    def background(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs as long as the relay. Call it once."""
        if self.link is None:
            return {}
        renewal = self.limiter.renew_every(self.settings.limits_lease_s / 3)
        return {"limit-store": self.link.run(), "limit-renewal": renewal}

    def note(self) -> str | None:
        """What an operator should know of how limits are counted now; null: by all together."""
        if self.link is None:
            return "counted by this relay alone: no store is set"
        if self.link.is_up:
            return None
        if self.settings.limits_on_store_failure == "open":
            return "the store cannot be reached: counted by this relay alone"
        return "the store cannot be reached: requests that have limits are refused"


def make_limits(settings: RelaySettings, registry: CollectorRegistry) -> Limits:
    """Limits as the settings say: in memory, or in a store that relays share."""
    metrics = LimitMetrics(registry, has_store=settings.limits_store_url is not None)
    link, shared = None, None
    if settings.limits_store_url is not None:
        url = settings.limits_store_url.get_secret_value()
        link = StoreLink(url, timeout_s=settings.limits_store_timeout_ms / 1000, metrics=metrics)
        shared = SharedStore(link, lease_ms=round(settings.limits_lease_s * 1000))
    book = LimitBook()
    limiter = Limiter(
        book=book,
        local=MemoryStore(),
        shared=shared,
        on_failure=settings.limits_on_store_failure,
        usual_output_tokens=settings.limits_usual_output_tokens,
        metrics=metrics,
    )
    if link is not None:
        link.on_up = limiter.renew
    return Limits(book, limiter, link, settings)
