"""Asking what a past period would have cost, having it posted, and calling it off."""

from services.billing.audit import Admin, record_action
from services.billing.what_if.choosing import Question, chosen_prices
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
        prices=await chosen_prices(connection, question),
        of=question.charges,
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
