"""A tally is exposed as prometheus-client's own counter and histogram would be."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from shared.telemetry.tallies import TallyCounter, TallyHistogram


def lines(registry: CollectorRegistry) -> list[str]:
    """What a scrape gets, without the creation times that only the library's own have."""
    return [
        line for line in generate_latest(registry).decode().splitlines() if "_created" not in line
    ]


def test_a_counter_is_exposed_as_the_librarys() -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    counter = Counter("things_total", "Things", ("kind", "size"), registry=theirs)
    tallied = TallyCounter("things_total", "Things", ("kind", "size"), registry=ours)
    for kind, size, amount in [("a", "1", 1.0), ("b", "2", 2.5), ("a", "1", 3.0)]:
        counter.labels(kind, size).inc(amount)
        tallied.of(kind, size).total += amount
    assert lines(ours) == lines(theirs)


def test_a_histogram_is_exposed_as_the_librarys() -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    bounds = (0.005, 0.5, 1, 30)
    histogram = Histogram("took_seconds", "Time", ("m",), buckets=bounds, registry=theirs)
    tallied = TallyHistogram("took_seconds", "Time", ("m",), bounds=bounds, registry=ours)
    for value in (0.0, 0.005, 0.0051, 0.5, 1.0, 7.25, 30.0, 31.0):
        histogram.labels("x").observe(value)
        tallied.of("x").observe(value)
    assert lines(ours) == lines(theirs)


def test_without_labels_a_series_is_there_from_the_start() -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    Counter("things_total", "Things", registry=theirs)
    Histogram("took_seconds", "Time", buckets=(1,), registry=theirs)
    TallyCounter("things_total", "Things", registry=ours)
    TallyHistogram("took_seconds", "Time", bounds=(1,), registry=ours)
    assert lines(ours) == lines(theirs)


def test_a_name_is_taken_once_and_labels_are_counted() -> None:
    registry = CollectorRegistry()
    tallied = TallyCounter("things_total", "Things", ("kind",), registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Counter("things_total", "Things", registry=registry)
    with pytest.raises(ValueError, match="labels"):
        tallied.of()
