"""What goes over the line between a worker and its supervisor."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from services.relay.workers.report import Report, encode, families_of, figures_of, read


def made_report() -> Report:
    registry = CollectorRegistry()
    Counter("served", "Requests", ("model",), registry=registry).labels('m"\n').inc(2)
    Gauge("strange", "No number", registry=registry).set(float("nan"))
    return Report({"state": "reading"}, {"limits": "alone"}, figures_of(registry))


def fed(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def test_reports_arrive_as_they_were_sent_one_after_the_other() -> None:
    report = made_report()
    reader = fed(2 * encode(report))
    for _ in range(2):
        got = await read(reader)
        assert (got.waits_for, got.notes, got.is_ready) == (report.waits_for, report.notes, False)
        (served, strange) = families_of(got.figures)
        (total, _created) = served.samples
        assert (served.name, served.type, served.documentation) == ("served", "counter", "Requests")
        assert (total.name, total.labels, total.value) == ("served_total", {"model": 'm"\n'}, 2.0)
        assert strange.samples == []


@pytest.mark.parametrize("end", [1, 4, 20, -1])
async def test_a_report_that_was_cut_by_a_death_is_none(end: int) -> None:
    """Half a set of figures would be taken for all that the worker had counted."""
    with pytest.raises(asyncio.IncompleteReadError):
        await read(fed(encode(made_report())[:end]))
