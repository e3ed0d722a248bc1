"""Models, page by page, as Anthropic's clients expect them."""

from typing import Any

import pytest

from services.relay.api.claude_models import claude_page
from services.relay.errors import RelayError
from shared.events.routing import ModelChanged, Status

MODELS = [
    ModelChanged(
        name=name, groups=("g",), status=Status.ENABLED, max_output_tokens=9, created=86400
    )
    for name in "abcde"
]


def page(**query: str) -> tuple[str, bool]:
    found: dict[str, Any] = claude_page(MODELS, query)
    names = "".join(model["id"] for model in found["data"])
    ends = (names[0], names[-1]) if names else (None, None)
    assert (found["first_id"], found["last_id"]) == ends
    return names, found["has_more"]


def test_a_model_has_what_the_sdk_wants() -> None:
    (model,) = claude_page(MODELS[:1], {})["data"]
    assert model == {
        "type": "model",
        "id": "a",
        "display_name": "a",
        "created_at": "1970-01-02T00:00:00+00:00",
        "max_tokens": 9,
        "lifecycle": "active",
    }


@pytest.mark.parametrize(
    ("query", "names", "has_more"),
    [
        ({}, "abcde", False),
        ({"limit": "2"}, "ab", True),
        ({"limit": "5"}, "abcde", False),
        ({"limit": "2", "after_id": "b"}, "cd", True),
        ({"limit": "2", "after_id": "c"}, "de", False),
        ({"after_id": "e"}, "", False),
        ({"limit": "2", "before_id": "d"}, "bc", True),
        ({"limit": "2", "before_id": "c"}, "ab", False),
        ({"before_id": "a"}, "", False),
        ({"after_id": "unknown"}, "", False),
        ({"before_id": "unknown"}, "", False),
    ],
)
def test_pages_begin_and_end_where_asked(
    query: dict[str, str], names: str, *, has_more: bool
) -> None:
    assert page(**query) == (names, has_more)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many", "1e3", "", "²"])
def test_a_limit_that_is_none_is_400(limit: str) -> None:
    with pytest.raises(RelayError) as caught:
        page(limit=limit)
    assert caught.value.http_status == 400
