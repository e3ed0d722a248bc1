"""What is measured, one after the other: how many clients, which answers, and for how long."""

import re
from dataclasses import dataclass
from typing import Final

from operations.bench.traffic import EVENTS_PER_STREAM

LATENCY, REQUESTS, STREAMS = "latency", "requests", "streams"
_PACED: Final = re.compile(r"paced-(\d{1,5})x(\d{1,4})")
_BEFORE_A_WINDOW_S: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Step:
    """One kind of load."""

    name: str
    connections: int
    duration_s: float
    stream: bool = False
    events_per_s: float | None = None
    """Of each stream; None is as fast as it goes."""

    @property
    def spread_s(self) -> float:
        """Over how long the streams begin: over one stream, so that begins and ends never bunch."""
        return 0.0 if self.events_per_s is None else EVENTS_PER_STREAM / self.events_per_s

    @property
    def warm_up_s(self) -> float:
        """Until the window begins: all streams are there then."""
        return self.spread_s + _BEFORE_A_WINDOW_S


def paced(streams: int, events_per_s: int, *, lengths: int) -> Step:
    """Streams as models write them, measured over so many of their lengths."""
    return Step(
        name=f"paced-{streams}x{events_per_s}",
        connections=streams,
        duration_s=lengths * EVENTS_PER_STREAM / events_per_s,
        stream=True,
        events_per_s=events_per_s,
    )


def steps(
    *,
    clients: int,
    latency_s: float,
    load_s: float,
    lengths: int,
    paces: tuple[tuple[int, int], ...],
) -> tuple[Step, ...]:
    """The steps of a whole run; each pace is streams, and events a second of each."""
    return (
        Step(name=LATENCY, connections=1, duration_s=latency_s),
        Step(name=REQUESTS, connections=clients, duration_s=load_s),
        Step(name=STREAMS, connections=clients, duration_s=load_s, stream=True),
        *(paced(streams, events_per_s, lengths=lengths) for streams, events_per_s in paces),
    )


def chosen(names: list[str], usual: tuple[Step, ...], *, lengths: int) -> tuple[Step, ...]:
    """The steps of these names, and any `paced-STREAMSxEVENTS`. Raises ValueError for others."""
    by_name = {step.name: step for step in usual}
    return tuple(by_name.get(name) or _parsed(name, [*by_name], lengths) for name in names)


def _parsed(name: str, known: list[str], lengths: int) -> Step:
    found = _PACED.fullmatch(name)
    if found is None or "0" in found.groups():
        raise ValueError(f"there is no step {name!r}; there are {', '.join(known)}, paced-NxM")
    return paced(int(found[1]), int(found[2]), lengths=lengths)
