"""Asking what a past period would have cost, having it posted, and calling it off."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.billing.audit import Admin, record_action
from services.billing.prices.price_versions import current
from services.billing.prices.store_drafts import read_draft
from services.billing.prices.store_prices import read_prices
from services.billing.what_if.store_runs import (
    Run,
    add_run,
    read_run,
    read_totals,
    set_state,
)
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

NO_RUN = "there is no such run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be rated again, and with which prices."""

    from_at: datetime
    to_at: datetime
    version_at: datetime | None
    """The prices that held then."""
    draft_id: int | None
    """In place of that: those of a draft."""
    workspace_id: int | None
    model: str | None
    note: str


async def ask(connection: Connection, question: Question, admin: Admin) -> Run:
    """Note a run; another task works it through. The caller commits.

    Raises EnvelopeError where there is no such draft, or no price held then.
    """
    asked = {
        "version_at": None if question.version_at is None else question.version_at.isoformat(),
        "draft_id": question.draft_id,
        "note": question.note,
    }
    run_id = await add_run(
        connection,
        asked=asked,
        prices=await _prices(connection, question),
        span=(question.from_at, question.to_at),
        workspace_id=question.workspace_id,
        model=question.model,
        created_by=admin.user_id,
    )
    await record_action(
        connection, admin, "what_if.ask", resource_id=run_id, changes={"run_id": run_id, **asked}
    )
    return await run_of(connection, run_id)


async def post_differences(
    connection: Connection, run_id: int, admin: Admin, *, confirmed_units: int
) -> Run:
    """Have a rated run's differences posted. Repeatable; the caller commits.

    Raises EnvelopeError where the run is not rated yet, or its difference is not the one confirmed.
    """
    run = await run_of(connection, run_id, lock=True)
    totals = await read_totals(connection, run_id)
    difference = totals.new_units - totals.old_units
    if confirmed_units != difference:
        raise EnvelopeError(f"the difference of this run is {difference} quota units")
    if run.state in {"posting", "posted"}:
        return run
    if run.state != "rated":
        raise EnvelopeError(f"this run is {run.state}: only a run that is rated can be posted")
    await set_state(connection, run, "posting", posted_by=admin.user_id, posted_by_name=admin.name)
    await record_action(
        connection,
        admin,
        "what_if.post",
        resource_id=run_id,
        changes={"difference_units": difference},
    )
    return await run_of(connection, run_id)


async def cancel(connection: Connection, run_id: int, admin: Admin) -> Run:
    """Call off a run that is not rated yet. Repeatable; the caller commits.

    Raises EnvelopeError where it is rated: what is posted stays, and figures do no harm.
    """
    run = await run_of(connection, run_id, lock=True)
    if run.state == "cancelled":
        return run
    if run.state not in {"waiting", "rating"}:
        raise EnvelopeError(f"this run is {run.state}: it cannot be called off any more")
    await set_state(connection, run, "cancelled")
    await record_action(connection, admin, "what_if.cancel", resource_id=run_id, changes={})
    return await run_of(connection, run_id)


async def run_of(connection: Connection, run_id: int, *, lock: bool = False) -> Run:
    """The run. Raises EnvelopeError where there is none."""
    run = await read_run(connection, run_id, lock=lock)
    if run is None:
        raise EnvelopeError(NO_RUN, http_status=404)
    return run


async def _prices(connection: Connection, question: Question) -> Mapping[str, Any]:
    if question.draft_id is not None:
        draft = await read_draft(connection, question.draft_id)
        if draft is None:
            raise EnvelopeError("there is no such draft")
        # As they would be published: what a tier leaves out is then as the price has it.
        return {
            "prices": {
                model: fields.as_price(question.to_at).model_dump(mode="json")
                for model, fields in draft.prices.items()
            },
            "group_ratios": {
                group: ratio.model_dump(mode="json") for group, ratio in draft.group_ratios.items()
            },
        }
    at = question.version_at
    if at is None:
        raise EnvelopeError("give a version_at or a draft_id")
    held = {
        model: version.model_dump(mode="json")
        for model, versions in (await read_prices(connection)).items()
        if (version := current(versions, at)) is not None
    }
    if not held:
        raise EnvelopeError("no price held at version_at")
    return {"prices": held, "group_ratios": {}}
