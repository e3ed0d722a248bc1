"""How long rows are kept."""

import pytest

from services.logging.retention.periods import (
    DAY_S,
    FOR_EVER,
    Periods,
    check_periods,
    is_shorter,
    kept_from,
)

NOON = 20_000 * DAY_S + 43_200


def test_so_many_whole_days_are_kept_and_the_running_one() -> None:
    assert kept_from(NOON, 1) == 19_999 * DAY_S
    assert kept_from(NOON, 30) == 19_970 * DAY_S
    assert kept_from(20_000 * DAY_S, 1) == 19_999 * DAY_S


def test_nothing_ends_where_no_period_was_said() -> None:
    assert kept_from(NOON, FOR_EVER) is None


@pytest.mark.parametrize(
    "periods", [Periods(), Periods(30), Periods(30, 30, 30), Periods(30, 400), Periods(30, 90, 400)]
)
def test_what_is_made_from_rows_may_outlive_them(periods: Periods) -> None:
    check_periods(periods)


@pytest.mark.parametrize("periods", [Periods(0, 30), Periods(31, 30), Periods(30, 0, 90)])
def test_nothing_outlives_what_is_made_from_it(periods: Periods) -> None:
    with pytest.raises(ValueError, match="must not be kept for longer"):
        check_periods(periods)


def test_a_workspace_may_keep_less_than_the_site_and_not_more() -> None:
    assert is_shorter(29, 30)
    assert not is_shorter(30, 30)
    assert is_shorter(3_000, FOR_EVER)
