"""A time as text is the same time."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.times import iso_utc

TIMES = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001  # the zone is drawn beside it
    max_value=datetime(2999, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)


@given(st.lists(TIMES, min_size=1, max_size=5))
def test_the_text_is_the_time_in_whatever_order_times_come(times: list[datetime]) -> None:
    for at in times:
        assert iso_utc(at) == at.astimezone(UTC).isoformat(timespec="microseconds")
