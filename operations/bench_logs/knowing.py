"""Finds out what is there to be asked for."""

from itertools import islice
from random import Random
from typing import Final

from operations.bench_logs.asked import Known
from operations.bench_logs.calls import Call, Door, user
from operations.seed_logs.history import History
from operations.seed_logs.population import population

_LOGS: Final = "/api/log/"
_PAGES: Final = 20
_SIZE: Final = 20


async def known(door: Door, history: History) -> Known:
    """By asking for the first page, and for some far back. Raises RuntimeError."""
    heaviest = population(users=history.users).users.things[0]
    own = (await door.ask(Call("/api/log/self", caller=user(heaviest)))).data
    total = (await door.ask(Call(_LOGS))).data["total"]
    random = Random(3)  # noqa: S311 - which pages are looked at is no secret
    pages = [
        (await door.ask(Call(_LOGS, {"p": random.randint(1, max(1, total // _SIZE))}))).data
        for _ in range(_PAGES)
    ]
    rows = [row for page in pages for row in islice(page["items"], 2) if row["upstream_request_id"]]
    return Known(
        history=history,
        total=total,
        own_total=own["total"],
        request_ids=tuple(row["request_id"] for row in rows[:_PAGES]),
        upstream_request_ids=tuple(row["upstream_request_id"] for row in rows[:_PAGES]),
        cursors=tuple(page["next_cursor"] for page in pages if page.get("next_cursor")),
    )
