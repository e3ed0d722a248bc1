"""What writes the log: the consumer of events, and where it leaves what cannot be read."""

from typing import Final

import asyncpg
from prometheus_client import CollectorRegistry

from services.logging.handlers import CONSUMES, GROUP, LogWriter
from services.logging.ingest.batch import Beside
from services.logging.metrics import LoggingMetrics
from services.logging.settings import LoggingSettings
from shared.events.catalog import Kind
from shared.kafka.consumer import KeptTopicConsumer
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.metrics import ConsumerMetrics
from shared.kafka.producer import IdempotentProducer

_BATCH_EVERY_MS: Final = 200
"""Under load; a batch of a thousand takes half as much for each event as one of a hundred."""


def log_consumer(
    settings: LoggingSettings,
    *,
    pool: asyncpg.Pool,
    letters: IdempotentProducer,
    metrics: LoggingMetrics,
    registry: CollectorRegistry,
) -> KeptTopicConsumer:
    """`run()` is for the caller to run."""
    return KeptTopicConsumer(
        bootstrap=settings.kafka_bootstrap,
        client_id=settings.instance,
        group=GROUP,
        topics=[topic.name for topic in CONSUMES if topic.kind is Kind.KEPT],
        pool=pool,
        handler=LogWriter(
            beside=Beside.over(pool, partition_hours=settings.log_partition_hours),
            metrics=metrics,
        ),
        dead_letters=DeadLetters(producer=letters, group=GROUP),
        # A log row that nobody can write must not hold up those behind it; money is not here.
        on_poison="dead-letter",
        max_batch=settings.batch_max_records,
        max_batch_lagging=settings.batch_max_records_lagging,
        max_wait_ms=_BATCH_EVERY_MS,
        metrics=ConsumerMetrics(registry),
    )
