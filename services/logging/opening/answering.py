"""What answers: the handlers of each area, over what they read from."""

import asyncpg

from services.logging.api.clean_ups import CleanUpsApi
from services.logging.api.history import HistoryApi
from services.logging.api.lists import ListApi
from services.logging.api.retention import RetentionApi
from services.logging.api.rollups import RollupsApi
from services.logging.api.stats import StatsApi
from services.logging.api.token import TokenApi
from services.logging.api.transparency import TransparencyApi
from services.logging.api.usage import UsageApi
from services.logging.listing.pages import Pages
from services.logging.listing.reading import Reading
from services.logging.listing.stats import LogStats
from services.logging.listing.store_explain import RequestRows
from services.logging.listing.store_search import LogSearch
from services.logging.metrics import LoggingMetrics
from services.logging.opening.requests import request_apis
from services.logging.retention.clean_ups import CleanUps
from services.logging.routes import Apis
from services.logging.settings import LoggingSettings
from services.logging.transparency.gathering import Gathering
from services.logging.usage.store_rollup_rows import RollupRows
from services.logging.usage.store_usage_reads import UsageReads


def open_apis(
    settings: LoggingSettings,
    *,
    pool: asyncpg.Pool,
    gathering: Gathering,
    metrics: LoggingMetrics,
) -> Apis:
    """`requests.tail.run()` is for the caller to run."""
    moment = Reading(pool, statement_timeout_ms=settings.list_timeout_ms)
    lists = Pages(moment)
    return Apis(
        lists=ListApi(lists=lists, search=LogSearch(moment), metrics=metrics),
        stats=StatsApi(stats=LogStats(moment), metrics=metrics),
        history=HistoryApi(requests=RequestRows(moment), metrics=metrics),
        clean_ups=CleanUpsApi(CleanUps(pool)),
        retention=RetentionApi(pool, settings.periods),
        token=TokenApi(lists=lists, metrics=metrics),
        transparency=TransparencyApi(gathering, public_url=settings.public_url),
        usage=UsageApi(reads=UsageReads(moment), metrics=metrics),
        rollups=RollupsApi(rows=RollupRows(moment), metrics=metrics),
        requests=request_apis(
            moment,
            timeout_ms=settings.list_timeout_ms,
            bootstrap=settings.kafka_bootstrap,
            client_id=settings.instance,
            metrics=metrics,
        ),
    )
