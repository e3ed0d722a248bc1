"""Usage as providers report it, made sound or given up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.dialects.openai_usage import read_responses_usage, read_usage
from shared.events.numbers import MAX_TOKENS
from shared.events.usage import Usage


def reported(prompt: Any, completion: Any, **details: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, **details}


def cached(tokens: Any, audio: Any = 0) -> dict[str, Any]:
    return {"prompt_tokens_details": {"cached_tokens": tokens, "audio_tokens": audio}}


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        (reported(0, 0), Usage()),
        (reported(5, 7), Usage(prompt_tokens=5, completion_tokens=7)),
        (reported("5", "7"), Usage(prompt_tokens=5, completion_tokens=7)),
        (reported(5.0, 7.0), Usage(prompt_tokens=5, completion_tokens=7)),
        (reported(5, 7, total_tokens=-1), Usage(prompt_tokens=5, completion_tokens=7)),
        (reported(MAX_TOKENS, "1000000000"), Usage(prompt_tokens=10**9, completion_tokens=10**9)),
        (
            reported(5, 7, **cached(3)),
            Usage(prompt_tokens=5, completion_tokens=7, cached_tokens=3),
        ),
        (
            reported(5, 7, **cached(50)),
            Usage(prompt_tokens=5, completion_tokens=7, cached_tokens=5),
        ),
        (
            reported(5, 7, **cached(3, 9)),
            Usage(prompt_tokens=5, completion_tokens=7, cached_tokens=3, audio_tokens=2),
        ),
        (
            reported(5, 7, completion_tokens_details={"reasoning_tokens": 90}),
            Usage(prompt_tokens=5, completion_tokens=7, reasoning_tokens=7),
        ),
        (
            reported(9, 7, prompt_tokens_details={"audio_tokens": 2, "image_tokens": 50}),
            Usage(prompt_tokens=9, completion_tokens=7, audio_tokens=2, image_tokens=7),
        ),
        (
            reported(9, 7, completion_tokens_details={"audio_tokens": 4, "image_tokens": 50}),
            Usage(
                prompt_tokens=9, completion_tokens=7, output_audio_tokens=4, output_image_tokens=3
            ),
        ),
        (reported(5, 7, **cached(-3)), Usage(prompt_tokens=5, completion_tokens=7)),
        (reported(5, 7, **cached("three")), Usage(prompt_tokens=5, completion_tokens=7)),
        (
            reported(5, 7, prompt_tokens_details=None, completion_tokens_details=[]),
            Usage(prompt_tokens=5, completion_tokens=7),
        ),
    ],
)
def test_sound_usage_is_taken(report: dict[str, Any], usage: Usage) -> None:
    assert read_usage({"usage": report}) == usage


@pytest.mark.parametrize(
    "report",
    [
        None,
        [],
        "usage",
        {},
        {"prompt_tokens": 5},
        {"completion_tokens": 5},
        reported(-5, 7),
        reported(5, -7),
        reported("-5", 7),
        reported(10**18, 7),
        reported(5, MAX_TOKENS + 1),
        reported(5, "1" * 5_000),
        reported(5.5, 7),
        reported(1e300, 7),
        reported(True, 7),
        reported(None, 7),
        reported("٥", 7),
        reported("5 ", 7),
        reported([5], 7),
    ],
)
def test_a_figure_that_cannot_be_spoils_all_of_it(report: Any) -> None:
    assert read_usage({"usage": report}) is None


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.integers(0, 100),
    st.floats(),
    st.text(max_size=5),
    st.integers(0, 100).map(str),
)
DETAILS = st.one_of(
    ODD,
    st.dictionaries(
        st.sampled_from(["cached_tokens", "audio_tokens", "image_tokens", "reasoning_tokens"]),
        ODD,
        max_size=4,
    ),
)


@given(ODD, ODD, DETAILS, DETAILS)
def test_whatever_is_reported_nothing_is_negative_and_parts_fit_their_whole(
    prompt: Any, completion: Any, prompt_details: Any, completion_details: Any
) -> None:
    told = reported(
        prompt,
        completion,
        prompt_tokens_details=prompt_details,
        completion_tokens_details=completion_details,
    )
    usage = read_usage({"usage": told})
    if usage is not None:
        # Its own type holds each against its bounds.
        assert Usage.model_validate(usage.model_dump()) == usage
        inputs = (usage.cached_tokens, usage.audio_tokens, usage.image_tokens)
        assert sum(inputs) <= usage.prompt_tokens
        assert usage.output_audio_tokens + usage.output_image_tokens <= usage.completion_tokens
        assert usage.reasoning_tokens <= usage.completion_tokens


@pytest.mark.parametrize(
    ("told", "tier"),
    [
        *((name, name) for name in ("default", "priority", "flex")),
        *((odd, "") for odd in (None, "", 7, ["priority"], "two words", "t" * 65, "\ud800")),
    ],
)
def test_the_tier_of_service_is_the_one_that_the_answer_names(told: Any, tier: str) -> None:
    for read, names in (
        (read_usage, ("prompt_tokens", "completion_tokens")),
        (read_responses_usage, ("input_tokens", "output_tokens")),
    ):
        usage = read({"service_tier": told, "usage": dict.fromkeys(names, 5)})
        assert usage == Usage(prompt_tokens=5, completion_tokens=5, service_tier=tier)


def test_each_run_of_the_providers_tools_is_counted() -> None:
    """They are charged by the call."""
    kinds = ["web_search_call", "message", "function_call", "web_search_call", "file_search_call"]
    output = [{"type": kind} for kind in kinds] + [{"type": ["web_search_call"]}, {}, "odd", None]
    answer = {"usage": {"input_tokens": 5, "output_tokens": 7}, "output": output}
    usage = read_responses_usage(answer)
    assert usage is not None
    assert usage.tool_calls == {"web_search": 2, "file_search": 1}
    actions = ["search", "open_page", "find_in_page", None, "odd", ["open_page"]]
    searched = [{"type": "web_search_call", "action": {"type": each}} for each in actions]
    looked_at = read_responses_usage({**answer, "output": [*searched, {"type": "mcp_call"}]})
    assert looked_at is not None
    assert looked_at.tool_calls == {"web_search": 4}, "what it looks at it did not search for"
    odds: list[Any] = [None, {}, "web_search_call", []]
    for odd in odds:
        untold = read_responses_usage({**answer, "output": odd})
        assert untold == Usage(prompt_tokens=5, completion_tokens=7)
    assert read_responses_usage({**answer, "usage": None}) is None
