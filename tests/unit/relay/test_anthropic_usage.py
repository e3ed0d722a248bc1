"""Anthropic's usage: sound figures, or none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.dialects.anthropic_usage import read_usage
from shared.events.usage import Usage


def usage(**told: Any) -> Usage | None:
    return read_usage({"input_tokens": 10, "output_tokens": 20, **told})


def test_what_was_cached_stands_beside_the_input() -> None:
    told = usage(
        cache_read_input_tokens=100,
        cache_creation_input_tokens=50,
        cache_creation={"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
        output_tokens_details={"thinking_tokens": 12},
    )
    assert told == Usage(
        prompt_tokens=10,
        completion_tokens=20,
        cached_tokens=100,
        cache_creation_tokens=50,
        cache_creation_1h_tokens=30,
        reasoning_tokens=12,
        prompt_includes_cached=False,
    )


@pytest.mark.parametrize("nothing", [None, {}, "no split"])
def test_a_write_that_is_not_split_was_for_five_minutes(nothing: Any) -> None:
    told = usage(cache_creation_input_tokens=50, cache_creation=nothing)
    assert told is not None
    assert (told.cache_creation_tokens, told.cache_creation_1h_tokens) == (50, 0)


def test_a_split_without_its_sum_is_summed() -> None:
    split = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}
    told = usage(cache_creation=split)
    assert told is not None
    assert (told.cache_creation_tokens, told.cache_creation_1h_tokens) == (50, 30)


def test_what_the_provider_ran_by_itself_is_counted() -> None:
    """It is charged by the call."""
    told = usage(
        service_tier="priority",
        server_tool_use={"web_search_requests": 3, "web_fetch_requests": 0, "made_up_requests": 9},
    )
    assert told is not None
    assert (told.tool_calls, told.service_tier) == ({"web_search": 3}, "priority")
    for odd in (None, {}, [3], {"web_search_requests": -1}, {"web_search_requests": "many"}):
        assert usage(server_tool_use=odd, service_tier=7) == usage()


def test_zeros_are_zeros_and_strings_are_taken() -> None:
    assert usage(input_tokens=0, output_tokens=0) == Usage(prompt_includes_cached=False)
    assert usage(input_tokens="10", output_tokens="20") == usage()


@pytest.mark.parametrize("bad", [-1, 10**18, "-3", "many", 1.5, True, [1], {}])
@pytest.mark.parametrize(
    "name",
    [
        *("input_tokens", "output_tokens", "cache_read_input_tokens"),
        "cache_creation_input_tokens",
    ],
)
def test_a_figure_that_cannot_be_spoils_all(name: str, bad: Any) -> None:
    """Charging by the others would be a charge that nobody told."""
    assert usage(**{name: bad}) is None
    assert usage(cache_creation={"ephemeral_1h_input_tokens": bad}) is None


@pytest.mark.parametrize("name", ["input_tokens", "output_tokens"])
def test_a_missing_side_is_no_usage(name: str) -> None:
    assert usage(**{name: None}) is None


def test_thinking_is_never_more_than_the_output() -> None:
    for told, thought in ((50, 20), (-1, 0), ("x", 0)):
        made = usage(output_tokens_details={"thinking_tokens": told})
        assert made is not None
        assert made.reasoning_tokens == thought


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: st.dictionaries(
            st.sampled_from(["input_tokens", "output_tokens", "cache_creation"]), x
        ),
    )
)
def test_whatever_is_reported_is_read_or_refused(reported: Any) -> None:
    read_usage(reported)
