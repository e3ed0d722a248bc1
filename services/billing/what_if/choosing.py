"""The question of a run, and the prices that it asks for, as they are when it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.billing.prices.price_versions import current
from services.billing.prices.store_drafts import read_draft
from services.billing.prices.store_prices import read_prices
from services.billing.what_if.store_charges import ChargesOf
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be rated again, and with which prices."""

    charges: ChargesOf
    version_at: datetime | None
    """The prices that held then."""
    draft_id: int | None
    """In place of that: those of a draft."""
    note: str = ""


async def chosen_prices(connection: Connection, question: Question) -> Mapping[str, Any]:
    """The prices as JSON, of which `rating_again.choice_of` makes what rates.

    Raises EnvelopeError where there is no such draft, or no price held then.
    """
    if question.draft_id is not None:
        return await _of_draft(connection, question.draft_id, question.charges.to_at)
    if question.version_at is None:
        raise EnvelopeError("give a version_at or a draft_id")
    held = {
        model: version.model_dump(mode="json")
        for model, versions in (await read_prices(connection)).items()
        if (version := current(versions, question.version_at)) is not None
    }
    if not held:
        raise EnvelopeError("no price held at version_at")
    return {"prices": held, "group_ratios": {}}


async def _of_draft(connection: Connection, draft_id: int, at: datetime) -> Mapping[str, Any]:
    draft = await read_draft(connection, draft_id)
    if draft is None:
        raise EnvelopeError("there is no such draft")
    # As they would be published: what a tier leaves out is then as the price has it.
    return {
        "prices": {
            model: fields.as_price(at).model_dump(mode="json")
            for model, fields in draft.prices.items()
        },
        "group_ratios": {
            group: ratio.model_dump(mode="json") for group, ratio in draft.group_ratios.items()
        },
    }
