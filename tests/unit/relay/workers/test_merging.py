"""Metrics of several processes as those of one relay."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from services.relay.books.keys import KeyBook
from services.relay.limits.metrics import LimitMetrics
from services.relay.metrics import (
    CodeMetrics,
    HealthMetrics,
    JournalMetrics,
    LeaseMetrics,
    RequestMetrics,
)
from services.relay.workers.merging import GAUGES, lasting, merged
from services.relay.workers.metrics import WorkerMetrics
from services.relay.workers.report import families_of, figures_of
from shared.kafka.metrics import StateReaderMetrics
from shared.telemetry.metrics import new_registry


class Worker:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.served = Counter("served", "Served", ("model",), registry=self.registry)
        self.seconds = Histogram(
            "seconds", "Time", ("model",), buckets=(1, 5), registry=self.registry
        )
        self.flying = Gauge("flying", "In flight", registry=self.registry)
        self.health = Gauge(
            "ledgerline_relay_channel_health", "Health", ("channel",), registry=self.registry
        )
        self.store_up = Gauge("ledgerline_relay_limit_store_up", "Up", registry=self.registry)

    @property
    def told(self) -> list[Metric]:
        return families_of(figures_of(self.registry))


class Scrape(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> list[Metric]:
        return self.families

    def value(self, name: str, **labels: str) -> float | None:
        registry = CollectorRegistry()
        registry.register(self)
        return registry.get_sample_value(name, labels)


def test_counters_are_added_up_label_by_label() -> None:
    one, other = Worker(), Worker()
    one.served.labels("a").inc(3)
    other.served.labels("a").inc(4)
    other.served.labels("b").inc(5)
    scrape = Scrape(merged([one.told, other.told]))
    assert scrape.value("served_total", model="a") == 7
    assert scrape.value("served_total", model="b") == 5


def test_histograms_are_added_up_bucket_by_bucket() -> None:
    one, other = Worker(), Worker()
    for worker, seconds in ((one, 0.5), (one, 3), (other, 0.7), (other, 99)):
        worker.seconds.labels("a").observe(seconds)
    scrape = Scrape(merged([one.told, other.told]))
    buckets = [scrape.value("seconds_bucket", model="a", le=le) for le in ("1.0", "5.0", "+Inf")]
    assert buckets == [2, 3, 4]
    assert scrape.value("seconds_count", model="a") == 4
    assert scrape.value("seconds_sum", model="a") == 103.2


def test_gauges_are_added_up_or_the_worst_of_them_counts() -> None:
    one, other = Worker(), Worker()
    for worker, flying, health, up in ((one, 2, 0, 1), (other, 3, 2, 0)):
        worker.flying.set(flying)
        worker.health.labels("c").set(health)
        worker.store_up.set(up)
    scrape = Scrape(merged([one.told, other.told]))
    assert scrape.value("flying") == 5
    assert scrape.value("ledgerline_relay_channel_health", channel="c") == 2
    assert scrape.value("ledgerline_relay_limit_store_up") == 0


def test_what_an_ended_worker_counted_stays_and_its_gauges_go() -> None:
    """A sum that goes back reads as a restart: all that was counted would be counted again."""
    living, ended = Worker(), Worker()
    for worker in (living, ended):
        worker.served.labels("a").inc(10)
        worker.seconds.labels("a").observe(2)
        worker.flying.set(1)
    gone = merged([[], lasting(ended.told)])
    successor = Worker()
    scrape = Scrape(merged([gone, living.told, successor.told]))
    assert scrape.value("served_total", model="a") == 20
    assert scrape.value("seconds_count", model="a") == 2
    assert scrape.value("seconds_bucket", model="a", le="5.0") == 2
    assert scrape.value("flying") == 1
    gone = merged([gone, lasting(living.told)])
    scrape = Scrape(merged([gone, successor.told]))
    assert scrape.value("served_total", model="a") == 20
    assert scrape.value("flying") == 0


def test_a_series_was_created_when_its_first_worker_created_it() -> None:
    first, second = Worker(), Worker()
    first.served.labels("a").inc()
    second.served.labels("a").inc()
    created = Scrape(first.told).value("served_created", model="a")
    scrape = Scrape(merged([second.told, first.told]))
    assert scrape.value("served_created", model="a") == created


def test_what_is_merged_can_be_scraped_and_nothing_is_there_twice() -> None:
    workers = [Worker(), Worker()]
    for worker in workers:
        worker.served.labels("a").inc()
        worker.seconds.labels('a"quoted\n').observe(1)
    registry = CollectorRegistry()
    registry.register(Scrape(merged(worker.told for worker in workers)))
    text = generate_latest(registry).decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    series = [line.rpartition(" ")[0] for line in lines]
    assert len(series) == len(set(series))
    assert 'served_total{model="a"} 2.0' in lines


def test_of_every_gauge_it_is_said_what_becomes_of_several() -> None:
    """A new gauge needs a line in GAUGES: is a sum of the workers' values what it says it is?"""
    registry = new_registry()
    for house in (RequestMetrics, HealthMetrics, LeaseMetrics, JournalMetrics, LimitMetrics):
        house(registry)
    CodeMetrics(registry)
    StateReaderMetrics(registry)
    WorkerMetrics(registry)
    KeyBook(registry)
    gauges = {family.name for family in registry.collect() if family.type == "gauge"}
    assert gauges == GAUGES.keys()
