"""`/api/billing/what-if`: what a past period would have cost with other prices."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final, Self

import asyncpg
from aiohttp import web
from pydantic import Field, model_validator

from services.billing.api.requests import Body, Named, Note, RowId
from services.billing.audit import Admin
from services.billing.what_if.asking import ask, cancel, post_differences, run_of
from services.billing.what_if.choosing import Question
from services.billing.what_if.store_charges import ChargesOf
from services.billing.what_if.store_runs import (
    Run,
    Totals,
    list_runs,
    read_results,
    read_totals,
)
from shared.events.numbers import MAX_ID
from shared.events.text import ModelName
from shared.http.callers import admin_of
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction
from shared.service.clock import utc_now

_MAX_LISTED: Final = 100
_LAST_MOMENT: Final = 253_402_300_799
Moment = Annotated[int, Field(ge=0, le=_LAST_MOMENT)]
PageSize = Annotated[int, Field(ge=1, le=2**31)]


class PriceChoiceBody(Body):
    """Which prices: those that held at a time (Unix seconds), or a draft's."""

    version_at: Moment | None = None
    draft_id: RowId | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.version_at is None) is (self.draft_id is None):
            raise ValueError("give a version_at or a draft_id, and not both")
        return self


class WhatIfBody(Body):
    """The period, in Unix seconds and without its end, and the prices."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    price: PriceChoiceBody
    workspace_id: RowId | None = None
    model: Named | None = None
    note: Note = ""

    @model_validator(mode="after")
    def _is_a_period(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("from must be before to")
        return self


class PostBody(Body):
    """The run's difference, as it was shown: somebody has seen it."""

    confirm_difference_units: Annotated[int, Field(ge=-MAX_ID, le=MAX_ID, strict=True)]


class RunsQuery(Body):
    """Runs before one, the newest first."""

    before: RowId = MAX_ID
    page_size: PageSize = 20


class ResultsQuery(Body):
    """Sums behind a workspace and model."""

    after_workspace_id: Annotated[int, Field(ge=0, le=MAX_ID)] = 0
    after_model: ModelName = ""
    page_size: PageSize = 100


class WhatIfApi:
    """Handlers; for admins."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def ask(self, request: web.Request) -> web.Response:
        """Ask: the answer is the run, which is worked through in the background."""
        admin = Admin.of(request)
        body = await read_body(request, WhatIfBody)
        if body.to > utc_now().timestamp() + 1:
            raise EnvelopeError("to must be past")
        question = Question(
            charges=ChargesOf(_moment(body.from_), _moment(body.to), body.workspace_id, body.model),
            version_at=_moment(body.price.version_at),
            draft_id=body.price.draft_id,
            note=body.note,
        )
        run = await in_transaction(self._pool, partial(ask, question=question, admin=admin))
        return succeed(shown(run, Totals(0, 0, 0)))

    async def list(self, request: web.Request) -> web.Response:
        """The runs, the newest first."""
        admin_of(request)
        query = read_query(request, RunsQuery)
        runs = await list_runs(
            self._pool, before=query.before, limit=min(query.page_size, _MAX_LISTED)
        )
        items = [shown(run, await read_totals(self._pool, run.run_id)) for run in runs]
        return succeed({"items": items})

    async def read(self, request: web.Request) -> web.Response:
        """How far a run is, and its sums so far."""
        admin_of(request)
        run_id = _run_id(request)
        async with self._pool.acquire() as connection:
            run = await run_of(connection, run_id)
            return succeed(shown(run, await read_totals(connection, run_id)))

    async def results(self, request: web.Request) -> web.Response:
        """A run's sums by workspace and model."""
        admin_of(request)
        query = read_query(request, ResultsQuery)
        limit = min(query.page_size, _MAX_LISTED)
        after = (query.after_workspace_id, query.after_model)
        async with self._pool.acquire() as connection:
            run = await run_of(connection, _run_id(request))
            items = await read_results(connection, run.run_id, after=after, limit=limit)
        last = items[-1] if len(items) == limit else None
        following = last and {"workspace_id": last["workspace_id"], "model": last["model"]}
        return succeed({"items": items, "next_after": following})

    async def post(self, request: web.Request) -> web.Response:
        """Post a run's differences as adjustments."""
        admin = Admin.of(request)
        body = await read_body(request, PostBody)
        run_id = _run_id(request)
        run = await in_transaction(
            self._pool,
            partial(
                post_differences,
                run_id=run_id,
                admin=admin,
                confirmed_units=body.confirm_difference_units,
            ),
        )
        return succeed(shown(run, await read_totals(self._pool, run_id)))

    async def cancel(self, request: web.Request) -> web.Response:
        """Call a run off."""
        admin = Admin.of(request)
        run_id = _run_id(request)
        run = await in_transaction(self._pool, partial(cancel, run_id=run_id, admin=admin))
        return succeed(shown(run, await read_totals(self._pool, run_id)))


def shown(run: Run, totals: Totals) -> dict[str, Any]:
    """A run as it is answered. Times are Unix seconds; progress goes from 0 to 1."""
    total, done = run.entries_total, run.entries_done
    return {
        "run_id": run.run_id,
        "state": run.state,
        "from": int(run.from_at.timestamp()),
        "to": int(run.to_at.timestamp()),
        "version_at": run.asked.get("version_at"),
        "draft_id": run.asked.get("draft_id"),
        "workspace_id": run.workspace_id,
        "model": run.model,
        "note": run.asked.get("note", ""),
        "entries_total": total,
        "entries_done": done,
        "progress": 1.0 if run.next_entry_id > run.last_entry_id else min(1.0, done / (total or 1)),
        "eta_s": _eta_s(run),
        "not_rateable": run.not_rateable,
        "requests": totals.requests,
        "old_units": totals.old_units,
        "new_units": totals.new_units,
        "difference_units": totals.new_units - totals.old_units,
        "created_by": run.created_by,
        "created_at": int(run.created_at.timestamp()),
        "finished_at": None if run.finished_at is None else int(run.finished_at.timestamp()),
    }


def _eta_s(run: Run) -> int | None:
    if run.state not in {"waiting", "rating"} or not run.entries_done:
        return None
    since_s = (utc_now() - run.created_at).total_seconds()
    return int(since_s * max(0, run.entries_total - run.entries_done) / run.entries_done)


def _moment(seconds: int | None) -> Any:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _run_id(request: web.Request) -> int:
    text = request.match_info["run_id"]
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= MAX_ID):
        raise EnvelopeError("there is no such run", http_status=404)
    return int(text)
