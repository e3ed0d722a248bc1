"""Puts together what shows requests: the list, one whole, files, and the stream."""

from services.logging.api.exports import ExportApi
from services.logging.api.live import LiveApi
from services.logging.api.requests import RequestApi
from services.logging.handlers import GROUP
from services.logging.listing.reading import Reading
from services.logging.live.ingested import WAIT_S, Ingested
from services.logging.live.readers import Readers
from services.logging.live.tail import LiveTail
from services.logging.metrics import LoggingMetrics
from services.logging.requests.pages import COUNTED_WITHIN, CountedWithin, RequestPages
from services.logging.requests.store_requests import StoredRequests
from services.logging.routes import RequestApis


def request_apis(
    reading: Reading,
    *,
    timeout_ms: int,
    bootstrap: str,
    client_id: str,
    metrics: LoggingMetrics,
    counted_within: CountedWithin = COUNTED_WITHIN,
    ingest_wait_s: float = WAIT_S,
) -> RequestApis:
    """`tail.run()` is for the caller to run."""
    pages = RequestPages(
        StoredRequests(reading), timeout_ms=timeout_ms, counted_within=counted_within
    )
    readers = Readers()
    tail = LiveTail(bootstrap=bootstrap, client_id=f"{client_id}-live", readers=readers)
    return RequestApis(
        RequestApi(pages=pages, metrics=metrics),
        ExportApi(pages=pages),
        LiveApi(
            readers=readers,
            tail=tail,
            pages=pages,
            ingested=Ingested(reading, group=GROUP, wait_s=ingest_wait_s),
            metrics=metrics,
        ),
        tail,
    )
