import pytest

from services.relay.admission import Terms
from services.relay.limits.limit import Counting, Kind
from services.relay.limits.reserving import fitting_output_tokens, tokens_to_hold, used_tokens
from shared.events.usage import Usage
from tests.unit.relay.limits.made_limits import TERMS, limit
from tests.unit.relay.made import facts


def _hold(
    capacity: int = 10**6, *, usual: int = 2048, terms: Terms = TERMS, **asked: object
) -> int:
    of_tokens = limit(Counting.SLIDING, capacity, kind=Kind.TOKENS)
    return tokens_to_hold(facts(**asked), terms, [of_tokens], usual_output_tokens=usual)


def test_a_named_maximum_is_held_whole_for_each_answer() -> None:
    assert _hold(text_bytes=401, max_output_tokens=500) == 101 + 500
    assert _hold(text_bytes=400, max_output_tokens=500, answers=3) == 100 + 1_500
    assert _hold(text_bytes=400, max_output_tokens=30_000, capacity=10) == 100 + 30_000


def test_without_one_a_usual_figure_is_held_and_never_more_than_the_model_has() -> None:
    assert _hold(text_bytes=400) == 100 + 2048
    assert _hold(text_bytes=400, terms=TERMS._replace(output_tokens=9)) == 109


def test_who_names_none_is_not_refused_for_our_figure() -> None:
    """A limit smaller than it would else refuse every such request for good."""
    assert _hold(text_bytes=400, capacity=500) == 500
    assert _hold(text_bytes=400, capacity=50) == 100, "the input alone is too much"


def test_media_count_what_the_model_says_they_may() -> None:
    """As they are likely to be: the bound of a file, all the pages it could have, fits no limit."""
    held = _hold(text_bytes=400, media_count=130, likely_media_count=2, max_output_tokens=1)
    assert held == 100 + 2_000 + 1


def test_a_call_that_costs_nothing_holds_nothing_and_every_other_holds_something() -> None:
    assert _hold(is_free=True, max_output_tokens=9) == 0
    assert _hold(text_bytes=0, max_output_tokens=0) == 1


@pytest.mark.parametrize(("capacity", "fits"), [(1_100, 1_000), (100, 0), (50, -50)])
def test_the_maximum_that_would_fit(capacity: int, fits: int) -> None:
    asked = facts(text_bytes=400)
    assert fitting_output_tokens(asked, TERMS, capacity) == fits
    if fits > 0:
        assert _hold(text_bytes=400, max_output_tokens=fits) == capacity


def test_used_is_what_the_provider_counts_for_limits_of_its_own() -> None:
    openai = Usage(prompt_tokens=100, completion_tokens=20, cached_tokens=90)
    assert used_tokens(openai) == 120
    anthropic = Usage(
        prompt_tokens=10,
        completion_tokens=20,
        cached_tokens=500,
        cache_creation_tokens=70,
        prompt_includes_cached=False,
    )
    assert used_tokens(anthropic) == 100
