"""Control's state topics: marking what changed, and rendering it as it is now."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from services.control.channels.store_channels import WHOLE_CHANNELS
from services.control.database import Reader
from services.control.state.rendering import RENDERERS, render_key
from services.control.state.state_keys import KEYS, hashed_key, split_key
from shared.events.event import Attributes, Event, encode_headers, encode_value, new_event_id
from shared.http.envelope import EnvelopeError
from shared.kafka.state_publisher import StateValue, mark_dirty
from shared.postgres.retrying import Connection

SOURCE: Final = "ledgerline/control"

_ROWS_BY_KIND: Final[Mapping[str, str]] = {
    "channel": (
        f"SELECT id::text AS part, * FROM ({WHOLE_CHANNELS} WHERE c.id = ANY($1::bigint[])) AS one"
    ),
    "model": "SELECT name AS part, * FROM models WHERE name = ANY($1::text[])",
    "group": "SELECT name AS part, * FROM groups WHERE name = ANY($1::text[])",
    "limit": "SELECT id::text AS part, * FROM rate_limits WHERE id = ANY($1::bigint[])",
    "user": "SELECT id::text AS part, * FROM users WHERE id = ANY($1::bigint[])",
    "workspace": "SELECT id::text AS part, * FROM workspaces WHERE id = ANY($1::bigint[])",
    "project": "SELECT id::text AS part, * FROM projects WHERE id = ANY($1::bigint[])",
    "key": "SELECT id::text AS part, * FROM tokens WHERE id = ANY($1::bigint[])",
}
_KINDS_BY_NAME: Final = frozenset({"model", "group"})
_KEYS_BY_HASH: Final = """
SELECT t.*, s.key_hash, s.valid_until, s.valid_until <= now() AS is_over
FROM token_secrets AS s JOIN tokens AS t ON t.id = s.key_id
WHERE s.key_hash = ANY($1::bytea[])
"""


async def announce(connection: Connection, topic: str, keys: Sequence[str]) -> None:
    """Mark keys as changed, in the transaction that changed their rows.

    Raises EnvelopeError where a row cannot be told in one event: a row like that would hold up
    every later change on the topics, so it must not be committed.
    """
    try:
        await render(connection, topic, keys)
    except ValueError:  # an event that is too large, or a field out of its bounds
        raise EnvelopeError("this is too large to be published; make its lists shorter") from None
    await mark_dirty(connection, topic, keys)


async def render(
    connection: Reader, topic: str, keys: Sequence[str]
) -> dict[str, StateValue | None]:
    """The Render of the state publisher: every key's row as it is now, None where there is none."""
    events = (
        await _render_keys(connection, keys)
        if topic == KEYS
        else await _render_kinds(connection, keys)
    )
    return {key: _to_value(events[key]) if key in events else None for key in keys}


async def _render_keys(connection: Reader, keys: Sequence[str]) -> dict[str, Event]:
    rows = await connection.fetch(_KEYS_BY_HASH, [bytes.fromhex(key) for key in keys])
    return {hashed_key(row["key_hash"]): render_key(row) for row in rows}


async def _render_kinds(connection: Reader, keys: Sequence[str]) -> dict[str, Event]:
    parts: dict[str, list[str]] = {}
    for key in keys:
        kind, part = split_key(key)
        parts.setdefault(kind, []).append(part)
    events: dict[str, Event] = {}
    for kind, wanted in parts.items():
        ids = wanted if kind in _KINDS_BY_NAME else [int(part) for part in wanted]
        rows: list[Any] = await connection.fetch(_ROWS_BY_KIND[kind], ids)
        events |= {f"{kind}:{row['part']}": RENDERERS[kind](row) for row in rows}
    return events


def _to_value(event: Event) -> StateValue:
    attributes = Attributes(id=new_event_id(), source=SOURCE, time=datetime.now(UTC))
    return StateValue(encode_value(event), encode_headers(event.TYPE, attributes))
