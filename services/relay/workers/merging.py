"""One relay's metrics out of several processes'. Pure.

Counters, histograms and summaries are added up, those of processes that have ended too: a counter
that went back would look like a restart of the whole relay. Gauges are of the living, and
`GAUGES` says what becomes of several values of one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from prometheus_client import Metric

_Key = tuple[str, tuple[tuple[str, str], ...]]
_Combine = Callable[[float, float], float]
_CUMULATIVE: Final = frozenset({"counter", "histogram", "summary"})
_CREATED: Final = "_created"


def add(one: float, other: float) -> float:
    """The sum."""
    return one + other


GAUGES: Final[Mapping[str, _Combine]] = {
    # Each worker has a share of these.
    "ledgerline_relay_requests_in_flight": add,
    "ledgerline_relay_limit_requests_in_flight": add,
    "ledgerline_relay_leases_open": add,
    "ledgerline_relay_lease_room_units": add,
    "ledgerline_relay_lease_held_units": add,
    "ledgerline_relay_journal_unpublished_events": add,
    "ledgerline_relay_journal_unsynced_bytes": add,
    "ledgerline_relay_journal_bytes": add,
    "process_virtual_memory_bytes": add,
    "process_resident_memory_bytes": add,
    # Of these a sum says nothing: the worker that is worst off counts.
    "ledgerline_relay_channel_health": max,
    "ledgerline_relay_journal_oldest_unpublished_seconds": max,
    "ledgerline_relay_limit_store_up": min,
    "ledgerline_relay_keys": min,
    "ledgerline_relay_compiled": min,
    "ledgerline_state_reader_lag_offsets": max,
    "process_open_fds": max,
    "process_max_fds": min,
    # The relay's start, which no restart of a worker moves, is that of its oldest process.
    "process_start_time_seconds": min,
    "python_info": max,
    # The supervisor's own.
    "ledgerline_relay_workers": add,
    "ledgerline_relay_workers_ready": add,
}
"""How several workers' values of a gauge become one. A test holds it against all gauges there are;
one that is not listed is added up."""


def merged(sources: Iterable[Sequence[Metric]]) -> list[Metric]:
    """Each family once, each of its series once, in the order in which they are first met."""
    families: dict[str, Metric] = {}
    values: dict[str, dict[_Key, float]] = {}
    for source in sources:
        for family in source:
            first = families.setdefault(family.name, family)
            _take(values.setdefault(family.name, {}), first, family)
    return [_family(families[name], series) for name, series in values.items()]


def lasting(source: Iterable[Metric]) -> list[Metric]:
    """What of an ended process's metrics still counts."""
    return [family for family in source if family.type in _CUMULATIVE]


def _take(series: dict[_Key, float], first: Metric, family: Metric) -> None:
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        have = series.get(key)
        combine = _combine(first, sample.name)
        series[key] = sample.value if have is None else combine(have, sample.value)


def _combine(family: Metric, sample: str) -> _Combine:
    if family.type not in _CUMULATIVE:
        return GAUGES.get(family.name, add)
    return min if sample.endswith(_CREATED) else add


def _family(first: Metric, series: Mapping[_Key, float]) -> Metric:
    family = Metric(first.name, first.documentation, first.type)
    for (name, labels), value in series.items():
        family.add_sample(name, dict(labels), value)
    return family
