"""What runs beside ingest and answers: partitions, deletion, mending, drift, freshness."""

from services.logging.drift.metrics import DriftMetrics
from services.logging.drift.watching import watch_drift
from services.logging.handlers import GROUP
from services.logging.metrics import LoggingMetrics
from services.logging.opening.pools import Pools
from services.logging.partitions.keeping import Keeper
from services.logging.rebuild.dirty import DirtyHours
from services.logging.rebuild.hours import HourRebuilder
from services.logging.retention.running import CleanUpRunner
from services.logging.settings import LoggingSettings
from services.logging.usage.watching_marks import MarksWatcher
from shared.service.background import BackgroundTasks


def start_housekeeping(
    background: BackgroundTasks,
    settings: LoggingSettings,
    *,
    pools: Pools,
    metrics: LoggingMetrics,
    drift: DriftMetrics,
) -> None:
    """Every process does all of it: who does what is settled by locks in the database."""
    partition_hours = settings.log_partition_hours
    background.start(
        "partitions",
        Keeper(pools.reading, partition_hours=partition_hours, metrics=metrics).run(),
    )
    background.start(
        "clean-ups",
        CleanUpRunner(
            dsn=settings.postgres_dsn.get_secret_value(),
            metrics=metrics,
            periods=settings.periods,
            pool=pools.reading,
            partition_hours=partition_hours,
        ).run(),
    )
    background.start(
        "rebuild",
        DirtyHours(
            pools.mending,
            rebuilder=HourRebuilder(pools.mending, partition_hours=partition_hours),
        ).run(),
    )
    background.start("drift", watch_drift(pools.reading, drift))
    background.start(
        "freshness",
        MarksWatcher(
            bootstrap=settings.kafka_bootstrap,
            client_id=settings.instance,
            group=GROUP,
            pool=pools.reading,
            metrics=metrics,
        ).run(),
    )
