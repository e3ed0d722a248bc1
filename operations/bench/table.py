"""Lines of a table for people."""

_WIDE = 1000


def row(title: str, *cells: float | str | None, width: int = 40) -> str:
    """One line; None is a figure that was not taken. `width` is the title's."""
    return (f"{title:<{width}}" + "".join(f"{_cell(each):>11}" for each in cells)).rstrip()


def verdict(*, met: bool) -> str:
    """What is said of a target."""
    return "met" if met else "MISSED"


def _cell(value: float | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= _WIDE else f"{value:.3g}"
