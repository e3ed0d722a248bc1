import pytest

from deploy.simulator.misbehaviour import (
    BadSimulationError,
    from_header,
    from_text,
    read_behaviour,
    split_model,
)


def test_a_model_suffix_is_taken_off_and_read() -> None:
    model, asked = split_model("gpt-4o-mini!delay_ms=500,no_usage,upstream_model=other")
    assert model == "gpt-4o-mini"
    behaviour = read_behaviour(asked)
    assert behaviour.delay_ms == 500
    assert behaviour.no_usage
    assert behaviour.upstream_model == "other"


def test_a_header_may_be_json_or_pairs() -> None:
    assert from_header('{"delay_ms": 5, "hang": true}') == from_header("delay_ms=5, hang")


def test_markers_combine_and_the_later_wins() -> None:
    text = 'a [[simulate {"status": 500, "retry_after": 1}]] b [[simulate {"status": 429}]]'
    assert from_text(text) == {"status": 429, "retry_after": 1}


def test_plain_text_asks_nothing() -> None:
    assert from_text("[[simulated]] weather") == {}


@pytest.mark.parametrize(
    "text", ["[[simulate {]]", "[[simulate 5]]", '[[simulate {"hang": true}', "[[simulate ]]"]
)
def test_a_broken_marker_is_refused_and_not_ignored(text: str) -> None:
    with pytest.raises(BadSimulationError):
        from_text(text)


@pytest.mark.parametrize(
    "asked", [{"delya_ms": 5}, {"delay_ms": "5"}, {"delay_ms": -1}, {"status": 200}, {"events": 0}]
)
def test_a_misspelt_or_wrong_behaviour_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(BadSimulationError):
        read_behaviour(asked)
