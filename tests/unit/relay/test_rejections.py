"""Refusals of a known key: a few a second are told one by one, the rest are counted."""

import pytest
from prometheus_client import CollectorRegistry

from services.relay.errors import RelayError
from services.relay.metrics import RequestMetrics
from services.relay.recording.completion import opening_json
from services.relay.recording.rejections import Rejections
from shared.events.requests import ErrorCode, Outcome, RequestCompleted
from tests.unit.relay.made import arrival, caller

ERROR = RelayError(ErrorCode.MODEL_NOT_FOUND, 404, "The model does not exist.")


class Refusing:
    """Rejections under a clock that only the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("services.relay.recording.rejections.time.monotonic", lambda: self.now)
        self.registry = CollectorRegistry()
        self.rejections = Rejections(RequestMetrics(self.registry))

    def refuse(self, times: int = 1, *, key_id: int = 70) -> None:
        for _ in range(times):
            came = arrival()
            by = caller(key={"key_id": key_id})
            opening = opening_json(came, by, dialect="openai", request_bytes=9)
            self.rejections.reject(came, by, opening, ERROR, model=None)

    def told(self) -> list[RequestCompleted]:
        waiting = self.rejections.waiting
        events = [RequestCompleted.model_validate_json(record.value) for record in waiting]
        waiting.clear()
        return events


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    return Refusing(monkeypatch)


def test_a_refusal_is_an_event_that_costs_nothing(refusing: Refusing) -> None:
    refusing.refuse()
    (told,) = refusing.told()
    assert (told.outcome, told.error_code) == (Outcome.REJECTED, ErrorCode.MODEL_NOT_FOUND)
    assert (told.http_status, told.quota, told.suppressed_count) == (404, 0, 0)
    assert (told.key_id, told.requested_model, told.leases) == (70, None, ())


def test_at_most_ten_a_second_of_a_key_are_told_and_none_is_forgotten(refusing: Refusing) -> None:
    refusing.refuse(25)
    assert [event.suppressed_count for event in refusing.told()] == [0] * 10
    refusing.now += 1
    refusing.refuse(12)
    assert [event.suppressed_count for event in refusing.told()] == [15, *[0] * 9]
    refusing.now += 60
    refusing.refuse()
    assert [event.suppressed_count for event in refusing.told()] == [2]
    counted = refusing.registry.get_sample_value
    assert counted("ledgerline_relay_rejections_suppressed_total") == 17
    labels = {"model": "other", "outcome": "rejected", "error_code": "model_not_found"}
    assert counted("ledgerline_relay_requests_total", labels) == 38


def test_one_keys_refusals_are_not_anothers(refusing: Refusing) -> None:
    refusing.refuse(50, key_id=1)
    refusing.refuse(3, key_id=2)
    assert [event.key_id for event in refusing.told()] == [1] * 10 + [2] * 3


def test_memory_is_bounded_whoever_knocks(refusing: Refusing) -> None:
    for key_id in range(1, 12_000):
        refusing.refuse(key_id=key_id)
    assert len(refusing.rejections.waiting) == 10_000
    assert len(refusing.rejections._windows) == 10_000
