"""Which shares of a budget have been reached. Pure."""

from collections.abc import Iterable


def reached(percents: Iterable[int], *, spent_units: int, amount_units: int) -> list[int]:
    """The percents that what was spent has reached, rising. Nothing spent reaches none."""
    if spent_units <= 0:
        return []
    return sorted(p for p in percents if spent_units * 100 >= p * amount_units)
