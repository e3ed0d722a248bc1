"""What a worker tells its supervisor, every second and once more at its end.

One message is a length of four bytes and JSON. A worker that dies while it writes leaves a part of
one, which is nobody's figures.
"""

import asyncio
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from prometheus_client import CollectorRegistry, Metric

EVERY_S: Final = 1.0
"""How often a worker reports: what it counted since its last report is lost when it is killed."""
_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Report:
    """A worker's state at one moment."""

    waits_for: Mapping[str, str]
    """Name to what is missing; empty when it serves."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Name to what there is to know."""
    figures: Sequence[Any] = ()
    """Its metrics, as `figures_of` made them."""

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests."""
        return not self.waits_for


def figures_of(registry: CollectorRegistry) -> list[Any]:
    """What a scrape of `registry` would say, as plain values."""
    return [
        [family.name, family.documentation, family.type, _samples(family)]
        for family in registry.collect()
    ]


def families_of(figures: Iterable[Any]) -> list[Metric]:
    """The metrics again."""
    families = []
    for name, documentation, kind, samples in figures:
        family = Metric(name, documentation, kind)
        for sample_name, labels, value in samples:
            family.add_sample(sample_name, labels, value)
        families.append(family)
    return families


def encode(report: Report) -> bytes:
    """The message, with its length."""
    body = orjson.dumps([report.waits_for, report.notes, report.figures])
    return _LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> Report:
    """The next message. Raises IncompleteReadError or ConnectionError when its writer is gone."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    waits_for, notes, figures = orjson.loads(await reader.readexactly(length))
    return Report(waits_for, notes, figures)


def _samples(family: Metric) -> list[Any]:
    # A value that is no number (a gauge whose function failed) has no sum: JSON has null for it.
    return [
        [sample.name, sample.labels, sample.value]
        for sample in family.samples
        if sample.value - sample.value == 0
    ]
