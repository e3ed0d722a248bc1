import pytest

from operations.bench.plan import QUICK, WHOLE, Plan
from operations.bench.steps import chosen
from operations.bench.traffic import EVENTS_PER_STREAM, asked_pace, chat_request


def test_steps_are_taken_by_name_in_the_order_asked_for() -> None:
    found = chosen(["streams", "latency"], WHOLE.steps, lengths=1)
    assert [step.name for step in found] == ["streams", "latency"]


def test_any_pace_may_be_asked_for() -> None:
    (step,) = chosen(["paced-400x40"], WHOLE.steps, lengths=3)
    assert (step.connections, step.events_per_s, step.stream) == (400, 40, True)
    assert step.duration_s == pytest.approx(3 * EVENTS_PER_STREAM / 40)


@pytest.mark.parametrize("name", ["", "paced", "paced-0x5", "paced-5x0", "paced-1x", "requests2"])
def test_an_unknown_step_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="there is no step"):
        chosen([name], WHOLE.steps, lengths=1)


@pytest.mark.parametrize(("plan", "streams"), [(WHOLE, [500, 1000, 500]), (QUICK, [500])])
def test_a_window_holds_as_many_beginnings_of_streams_as_ends(
    plan: Plan, streams: list[int]
) -> None:
    paced = [step for step in plan.steps if step.events_per_s]
    assert [step.connections for step in paced] == streams
    for step in paced:
        length_s = EVENTS_PER_STREAM / (step.events_per_s or 1)
        assert step.spread_s == pytest.approx(length_s)
        assert step.warm_up_s > step.spread_s
        assert step.duration_s == pytest.approx(round(step.duration_s / length_s) * length_s)


def test_the_upstream_finds_the_pace_that_a_request_asks_for() -> None:
    assert asked_pace(chat_request(key="k", stream=True, events_per_s=20)) == 20
    assert asked_pace(chat_request(key="k", stream=True)) is None
