"""A stretch is counted again only where there are finer counts of all of it."""

import pytest

from services.logging.buckets import Grain
from services.logging.listing.filters import Filters
from services.logging.listing.moments import Hidden, Moment
from services.logging.listing.stretches import Stretch
from services.logging.listing.totals import is_counted

HOUR = int(Grain.HOUR)
NOON = 500_000 * HOUR
AN_HOUR = Stretch(NOON, NOON + HOUR)
MOMENT = Moment(refuse_before=0, minutes_from=NOON, seconds_from=NOON)


@pytest.mark.parametrize(
    ("filters", "grain", "expected"),
    [
        (Filters(model_name="m"), Grain.MINUTE, True),
        (Filters(model_name="m"), Grain.SECOND, True),
        (Filters(user_id=1), Grain.MINUTE, True),
        (Filters(user_id=1), Grain.SECOND, False),  # keys have no seconds
        (Filters(token_name="default"), Grain.MINUTE, False),  # nor have names minutes
        (Filters(token_name="default"), Grain.HOUR, True),
        (Filters(request_id="r"), Grain.HOUR, False),  # of which nothing is counted
    ],
)
def test_each_filter_has_the_grains_of_its_facet(
    filters: Filters, grain: Grain, *, expected: bool
) -> None:
    assert is_counted(filters, AN_HOUR, grain, MOMENT) is expected


def test_what_begins_before_minutes_are_kept_is_not_counted_by_them() -> None:
    later = MOMENT._replace(minutes_from=NOON + 60)
    assert not is_counted(Filters(model_name="m"), AN_HOUR, Grain.MINUTE, later)


def test_a_dirty_hour_is_not_counted() -> None:
    dirty = MOMENT._replace(dirty_hours=(NOON,))
    assert not is_counted(Filters(model_name="m"), AN_HOUR, Grain.MINUTE, dirty)


def test_while_rows_are_hidden_only_grains_that_they_can_be_taken_off_from() -> None:
    hiding = MOMENT._replace(hidden=(Hidden(7, NOON),))
    assert not is_counted(Filters(model_name="m"), AN_HOUR, Grain.SECOND, hiding)
    assert is_counted(Filters(model_name="m"), AN_HOUR, Grain.MINUTE, hiding)
