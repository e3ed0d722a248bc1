"""What the statements of several rooms say alike. Pure: values never enter the text."""

import re


class Values(list[object]):
    """The parameters of one statement, in the order of `$1`, `$2` and so on."""

    def place(self, value: object, kind: str | None = None) -> str:
        """Add a value; answers what stands for it in the text. `kind`: its SQL type."""
        self.append(value)
        place = f"${len(self)}"
        return place if kind is None else f"{place}::{kind}"


def request_row(prefix: str = "") -> str:
    """Of a request's own row: what a refund or an adjustment gave back has no group."""
    return f"{prefix}type IN (2, 4) AND {prefix}\"group\" <> ''"


def is_like(column: str, wildcard: str, values: Values) -> str:
    """The same name, or one of the pattern in which `%` stands for any run of characters."""
    if "%" in wildcard:
        return f"{column} LIKE {values.place(like_pattern(wildcard), 'text')}"
    return f"{column} = {values.place(wildcard, 'text')}"


def like_pattern(wildcard: str) -> str:
    r"""The SQL pattern in which `%` alone is special; `_` and `\` mean themselves."""
    escaped = wildcard.replace("\\", "\\\\").replace("_", "\\_")
    return re.sub("%+", "%", escaped)
