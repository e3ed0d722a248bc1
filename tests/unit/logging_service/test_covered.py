"""How far ahead there are partitions."""

import pytest

from services.logging.partitions.spans import Span, covered_until


@pytest.mark.parametrize(
    ("spans", "until"),
    [
        ([], 50),
        ([Span(0, 100)], 100),
        ([Span(100, 200), Span(0, 100)], 200),
        ([Span(0, 100), Span(150, 200)], 100),
        ([Span(60, 200)], 50),
        ([Span(0, 50), Span(50, 51)], 51),
        ([Span(0, 50)], 50),
    ],
)
def test_up_to_the_first_time_that_has_none(spans: list[Span], until: int) -> None:
    assert covered_until(spans, 50) == until
