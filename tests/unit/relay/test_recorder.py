"""What was completed is counted and told, each request once, many at a time."""

from typing import Any, cast

import orjson
import pytest
from prometheus_client import CollectorRegistry

from services.relay.exchange import Ending, Exchange
from services.relay.journal.journal import Journal
from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.metrics import RequestMetrics
from services.relay.recording.recorder import Recorder
from shared.events.requests import ErrorCode, Outcome
from shared.events.usage import Usage
from tests.unit.relay.made import MODEL, exchange, facts
from tests.unit.relay.relayed import Tape, until

SUCCEEDED = Ending(Outcome.SUCCEEDED, 200)
CUT = Ending(Outcome.FAILED, 200, ErrorCode.UPSTREAM_CUT)


class Kept:
    """A recorder, its registry, and the lines that it wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.registry, self.tape = CollectorRegistry(), Tape()
        self.lines: list[dict[str, Any]] = []
        self.recorder = Recorder(
            journal=cast("Journal", self.tape),
            leases=cast("LeaseKeeper", self.tape),
            metrics=RequestMetrics(self.registry),
        )
        monkeypatch.setattr(
            "services.relay.recording.request_log.write_line",
            lambda _event, members: self.lines.append(orjson.loads(f"{{{members}}}")),
        )

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"ledgerline_relay_{name}", labels)

    def requests(self, outcome: str, error_code: str = "") -> float | None:
        return self.value("requests_total", model=MODEL, outcome=outcome, error_code=error_code)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(monkeypatch)


def used(**changes: Any) -> Exchange:
    return exchange(usage=Usage(prompt_tokens=10, completion_tokens=20), **changes)


async def test_each_figure_is_counted_under_its_own_labels(kept: Kept) -> None:
    stream = used(request=facts(is_stream=True), first_byte_ms=300)
    for going, ending in ((used(), SUCCEEDED), (stream, SUCCEEDED), (used(), CUT)):
        kept.recorder.complete(going, ending)
    kept.recorder.tell()
    assert kept.requests("succeeded") == 2
    assert kept.requests("failed", "upstream_cut") == 1
    assert kept.value("tokens_total", model=MODEL, kind="prompt") == 30
    assert kept.value("tokens_total", model=MODEL, kind="completion") == 60
    assert kept.value("quota_units_total", model=MODEL) == 150
    assert kept.value("request_seconds_count", model=MODEL) == 3
    assert kept.value("overhead_seconds_count") == 3
    # Only a stream has a first byte apart from the rest.
    assert kept.value("first_byte_seconds_count", model=MODEL) == 1
    assert kept.value("first_byte_seconds_bucket", model=MODEL, le="0.25") == 0
    assert kept.value("first_byte_seconds_bucket", model=MODEL, le="0.5") == 1


async def test_a_request_that_is_completed_twice_is_told_once(kept: Kept) -> None:
    going = used()
    kept.recorder.complete(going, SUCCEEDED)
    kept.recorder.complete(going, CUT)
    kept.recorder.tell()
    kept.recorder.tell()
    (line,) = kept.lines
    assert (line["outcome"], line["error_code"], line["quota"]) == ("succeeded", None, 50)
    assert line["request_id"] == going.arrival.request_id
    assert (kept.requests("succeeded"), kept.requests("failed", "upstream_cut")) == (1, None)
    assert len(kept.tape.records) == 1


async def test_what_was_completed_is_told_soon_and_under_load_at_once(kept: Kept) -> None:
    for _ in range(1_203):
        kept.recorder.complete(used(), SUCCEEDED)
    assert len(kept.lines) >= 1_000
    await until(lambda: len(kept.lines) == 1_203)
    assert kept.requests("succeeded") == 1_203


async def test_a_broken_disk_is_told_as_no_success(kept: Kept) -> None:
    kept.tape.fails = True
    with pytest.raises(OSError, match="broken"):
        kept.recorder.complete(used(), SUCCEEDED)
    kept.recorder.tell()
    assert (kept.lines, kept.requests("succeeded")) == ([], None)
