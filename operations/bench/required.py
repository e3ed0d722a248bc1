"""What the relay is held to beside the bare proxy: one row of the report for each figure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from operations.bench.steps import LATENCY, REQUESTS, STREAMS, Step

_CPU_PER_REQUEST: Final = 1.0
_REQUESTS_PER_S: Final = 1.0
_CPU_PER_EVENT: Final = 0.7
_LATENCY_ADDED: Final = 1.3
_FIRST_BYTE: Final = 1.0
_FIRST_BYTE_STREAMS: Final = 500


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure of one step, and what its ratio to the bare proxy's has to be."""

    title: str
    step: str
    figure: str
    at_most: float | None = None
    at_least: float | None = None
    is_added: bool = False
    """Less what the upstream takes alone."""

    @property
    def target(self) -> str:
        """As it is printed."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "" if self.at_least is None else f">= {self.at_least:g}"

    def is_met(self, ratio: float) -> bool | None:
        """None where nothing is required."""
        if self.at_most is not None:
            return ratio <= self.at_most
        return None if self.at_least is None else ratio >= self.at_least


def rows(step: Step) -> Iterator[Row]:
    """The rows of a step, those with a target first."""
    name = step.name
    if name == LATENCY:
        title = "latency added, 1 client, {} (ms)"
        yield Row(
            title=title.format("p50"),
            step=name,
            figure="p50_ms",
            at_most=_LATENCY_ADDED,
            is_added=True,
        )
        yield Row(title=title.format("p99"), step=name, figure="p99_ms", is_added=True)
    elif name == REQUESTS:
        per_s = f"requests/s, {step.connections} clients"
        yield Row(title=per_s, step=name, figure="per_s", at_least=_REQUESTS_PER_S)
        yield Row(
            title="CPU per request (us)",
            step=name,
            figure="cpu_us_per_request",
            at_most=_CPU_PER_REQUEST,
        )
    elif name == STREAMS:
        yield Row(title=f"streams/s, {step.connections} clients", step=name, figure="per_s")
        yield Row(title="CPU per stream of 52 events (us)", step=name, figure="cpu_us_per_request")
    else:
        yield from _paced_rows(step)


def _paced_rows(step: Step) -> Iterator[Row]:
    title = f"{step.connections} streams x {step.events_per_s:g}/s: "
    yield Row(
        title=f"{title}CPU per event (us)",
        step=step.name,
        figure="cpu_us_per_event",
        at_most=_CPU_PER_EVENT,
    )
    yield Row(
        title=f"{title}first byte p99 (ms)",
        step=step.name,
        figure="first_byte_p99_ms",
        at_most=_FIRST_BYTE if step.connections == _FIRST_BYTE_STREAMS else None,
    )
    yield Row(title=f"{title}first byte p50 (ms)", step=step.name, figure="first_byte_p50_ms")
    yield Row(title=f"{title}events/s", step=step.name, figure="events_per_s")
