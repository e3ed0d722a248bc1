"""Counters and histograms for the way of a request: an addition each, without a lock.

prometheus-client guards each of its values with a lock and looks a series up by its labels every
time. What is counted on one event loop needs neither: a `Tally` is looked up once, kept, and added
to; a scrape on the same loop reads it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_Kept = TypeVar("_Kept")


class Tally:
    """One series of a counter. Add to `total`, on one thread."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0.0


class Spread:
    """One series of a histogram."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        """By bucket, not cumulated; the last one has no upper bound."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class _Family(Generic[_Kept]):
    """A metric's series by their labels."""

    def __init__(self, labels: Sequence[str], make: Callable[[], _Kept]) -> None:
        self._labels = tuple(labels)
        self._make = make
        self._series: dict[tuple[str, ...], _Kept] = {}
        if not labels:
            self._series[()] = make()

    def of(self, *labels: str) -> _Kept:
        """The series of these labels, in the order of their names. Keep it."""
        series = self._series.get(labels)
        if series is None:
            if len(labels) != len(self._labels):
                msg = f"labels {self._labels} are needed"
                raise ValueError(msg)
            series = self._series[labels] = self._make()
        return series


class TallyCounter(_Family[Tally], Collector):
    """A counter. Its name ends in `_total`."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str] = (), *,
        registry: CollectorRegistry,
    ) -> None:  # fmt: skip
        super().__init__(labels, Tally)
        self._name = name
        self._documentation = documentation
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """See Collector."""
        yield CounterMetricFamily(self._name, self._documentation, labels=self._labels)

    def collect(self) -> Iterator[Metric]:
        """See Collector."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, tally in self._series.items():
            family.add_metric(labels, tally.total)
        yield family


class TallyHistogram(_Family[Spread], Collector):
    """A histogram. Bounds are upper ones, ascending, without infinity."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str] = (), *,
        bounds: Sequence[float], registry: CollectorRegistry,
    ) -> None:  # fmt: skip
        super().__init__(labels, lambda: Spread(bounds))
        self._name = name
        self._documentation = documentation
        self._bounds = [*(str(float(bound)) for bound in bounds), "+Inf"]
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """See Collector."""
        yield HistogramMetricFamily(self._name, self._documentation, labels=self._labels)

    def collect(self) -> Iterator[Metric]:
        """See Collector."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, spread in self._series.items():
            cumulated, so_far = [], 0
            for bound, count in zip(self._bounds, spread.counts, strict=True):
                so_far += count
                cumulated.append((bound, so_far))
            family.add_metric(labels, cumulated, spread.total)
        yield family
