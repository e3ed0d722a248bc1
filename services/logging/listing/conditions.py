"""From filters to a WHERE clause and its parameters. Pure: values never enter the text."""

from services.logging.listing.filters import Filters, like_pattern
from shared.events.ids import event_uuid


def where(filters: Filters) -> tuple[str, list[object]]:
    """The clause, `true` where nothing is filtered, and the values of `$1`, `$2` and so on."""
    terms: list[str] = []
    values: list[object] = []

    def add(term: str, *given: object) -> None:
        numbers = [f"${len(values) + position}" for position in range(1, len(given) + 1)]
        terms.append(term.format(*numbers))
        values.extend(given)

    for column, value in (
        ("user_id", filters.user_id),
        ("token_id", filters.token_id),
        ("type", filters.type),
        ("username", filters.username),
        ("token_name", filters.token_name),
        ("channel_id", filters.channel_id),
        ('"group"', filters.group),
    ):
        if value is not None:
            cast = "::bigint" if isinstance(value, int) else "::text"
            add(f"{column} = {{}}{cast}", value)
    if filters.start_timestamp is not None:
        add("created_at >= {}::bigint", filters.start_timestamp)
    if filters.end_timestamp is not None:
        add("created_at <= {}::bigint", filters.end_timestamp)
    if filters.model_name is not None:
        if "%" in filters.model_name:
            add("model_name LIKE {}::text", like_pattern(filters.model_name))
        else:
            add("model_name = {}::text", filters.model_name)
    if filters.request_id is not None:
        # A request's row by the unique index, an admin's action by the partial one.
        add(
            "(event_id = {}::uuid AND request_id = {}::text"
            " OR request_id = {}::text AND type NOT IN (2, 4))",
            event_uuid(filters.request_id),
            filters.request_id,
            filters.request_id,
        )
    return " AND ".join(terms) or "true", values
