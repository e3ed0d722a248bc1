"""Proposing prices, seeing what they would change, and publishing them at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from services.billing.audit import Admin, record_action
from services.billing.prices.diffing import (
    Difference,
    comparison_word,
    prices_differ,
    ratios_differ,
)
from services.billing.prices.genai_source import import_prices
from services.billing.prices.price_body import PriceFields
from services.billing.prices.price_book import UNSET, set_group_ratios, set_prices
from services.billing.prices.price_versions import Version, current
from services.billing.prices.store_drafts import (
    Draft,
    add_draft,
    change_draft,
    mark_published,
    read_draft,
    remove_draft,
)
from services.billing.prices.store_prices import (
    Reader,
    lock_price_book,
    read_book_version,
    read_group_ratios,
    read_prices,
    read_time,
)
from shared.events.prices import GroupRatio
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

MAX_MODELS: Final = 5_000
_CONFLICT: Final = 409
_V = TypeVar("_V", bound=Version)


class Proposal(NamedTuple):
    """What a new draft is made of."""

    name: str
    source: str
    prices: Mapping[str, PriceFields]
    group_ratios: Mapping[str, GroupRatio]
    warnings: Sequence[Mapping[str, str]] = ()


class Compared(NamedTuple):
    """A draft beside what holds at a time."""

    prices: Difference
    group_ratios: Difference
    book_version: str
    """Another word whenever what was compared is another: the book, the draft, or the time."""


def from_genai(
    name: str, providers: Sequence[str], models: Sequence[str] | None, now: datetime
) -> Proposal:
    """A proposal of what these providers charge now, as the `genai-prices` package knows it."""
    imported = import_prices(providers, models, now)
    return Proposal(name, "genai-prices", imported.prices, {}, imported.warnings)


async def make_draft(connection: Connection, admin: Admin, proposal: Proposal) -> int:
    """Keep a proposal, and answer its id. The caller commits. Raises EnvelopeError."""
    if len(proposal.prices) > MAX_MODELS:
        raise EnvelopeError(f"a draft has at most {MAX_MODELS} models")
    draft = Draft(
        draft_id=0,
        name=proposal.name,
        source=proposal.source,
        prices=dict(proposal.prices),
        group_ratios=dict(proposal.group_ratios),
        warnings=[dict(warning) for warning in proposal.warnings],
        created_by=admin.user_id,
        created_at=UNSET,
    )
    draft_id = await add_draft(connection, draft)
    changes = {"name": proposal.name, "source": proposal.source, "models": len(proposal.prices)}
    await record_action(
        connection, admin, "price_draft.make", resource_id=str(draft_id), changes=changes
    )
    return draft_id


async def put_price(
    connection: Connection, admin: Admin, draft_id: int, model: str, price: PriceFields | None
) -> None:
    """Propose another price for one model, or none. The caller commits. Raises EnvelopeError."""
    draft = await open_draft(connection, draft_id)
    prices = {name: each for name, each in draft.prices.items() if name != model}
    if price is not None:
        prices[model] = price
    elif model not in draft.prices:
        raise EnvelopeError("the draft has no price of this model")
    if len(prices) > MAX_MODELS:
        raise EnvelopeError(f"a draft has at most {MAX_MODELS} models")
    await change_draft(connection, draft_id, prices)
    changes = {"model": model} | ({} if price is None else price.model_dump(mode="json"))
    await record_action(
        connection, admin, "price_draft.change", resource_id=str(draft_id), changes=changes
    )


async def throw_away(connection: Connection, admin: Admin, draft_id: int) -> None:
    """Remove a draft that was not published. The caller commits. Raises EnvelopeError."""
    if not await remove_draft(connection, draft_id):
        raise EnvelopeError("there is no such draft, or it was published")
    await record_action(connection, admin, "price_draft.remove", resource_id=str(draft_id))


async def compare(reader: Reader, draft: Draft, at: datetime | None) -> Compared:
    """What publishing the draft from `at` on would change; null: from now on."""
    # Before the rest: what changes meanwhile is then refused, and not overlooked.
    book_version = await read_book_version(reader)
    at = at or await read_time(reader)
    held = _in_force(await read_prices(reader, since=at), at)
    ratios = _in_force(await read_group_ratios(reader), at)
    return Compared(
        prices=prices_differ(draft.prices, held, at),
        group_ratios=ratios_differ(draft.group_ratios, ratios),
        book_version=comparison_word(
            book_version, (draft.prices, draft.group_ratios), (held, ratios)
        ),
    )


async def publish(
    connection: Connection,
    admin: Admin,
    draft_id: int,
    *,
    effective_from: datetime | None,
    expected_book_version: str,
) -> dict[str, int]:
    """Put what the draft changes into the book, all of it or nothing. The caller commits.

    Answers the new versions by model, and by `group:<name>`; what is unchanged gets none. Raises
    EnvelopeError: 409 where the book, what of it holds then, or the draft is not what was compared.
    """
    now = await lock_price_book(connection)
    draft = await open_draft(connection, draft_id)
    compared = await compare(connection, draft, effective_from or now)
    if compared.book_version != expected_book_version:
        raise EnvelopeError(
            "the price book or the draft has changed since: compare them again",
            http_status=_CONFLICT,
        )
    since = effective_from or UNSET
    prices = {model: draft.prices[model].as_price(since) for model in compared.prices.to_publish}
    numbered = await set_prices(connection, admin, prices, now=now)
    versions = {model: price.version for model, price in numbered.items()}
    ratios = {
        group: draft.group_ratios[group].model_copy(update={"effective_from": since})
        for group in compared.group_ratios.to_publish
    }
    told = await set_group_ratios(connection, admin, ratios, now=now)
    versions |= {f"group:{group}": ratio.version for group, ratio in told.items()}
    await mark_published(connection, draft_id, versions)
    await record_action(
        connection,
        admin,
        "price_draft.publish",
        resource_id=str(draft_id),
        changes={"versions": len(versions)},
    )
    return versions


async def open_draft(connection: Connection, draft_id: int) -> Draft:
    """A draft that can still be changed, kept from others. Raises EnvelopeError."""
    draft = await read_draft(connection, draft_id, to_change=True)
    if draft is None:
        raise EnvelopeError("there is no such draft")
    if draft.published_at is not None:
        raise EnvelopeError("the draft was published")
    return draft


def _in_force(versions: Mapping[str, Sequence[_V]], at: datetime) -> dict[str, _V]:
    return {name: held for name, each in versions.items() if (held := current(each, at))}
