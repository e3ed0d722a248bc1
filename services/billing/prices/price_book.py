"""Changing the price book, and telling relays of it on `billing.prices`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from services.billing.audit import Admin, record_action
from services.billing.ledger.events import SOURCE
from services.billing.prices.price_versions import MAX_COMING, Version, coming, told
from services.billing.prices.store_prices import (
    add_group_ratio,
    add_price,
    lock_price_book,
    read_group_ratios,
    read_prices,
    withdraw_prices,
)
from shared.events.catalog import BILLING_PRICES
from shared.events.event import Attributes, Event, encode_headers, encode_value, new_event_id
from shared.events.prices import GroupRatio, GroupRatioChanged, ModelPrice, PriceChanged
from shared.http.envelope import EnvelopeError
from shared.kafka.state_publisher import StateValue, mark_dirty
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

_MODEL: Final = "model:"
_GROUP: Final = "group:"
UNSET: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""In place of a time: from now on."""


async def set_price(
    connection: Connection, admin: Admin, model: str, price: ModelPrice
) -> ModelPrice:
    """Add a version of a model's price and answer it as it is. The caller commits.

    Raises EnvelopeError for a time that is past, and where too many versions are to come or
    they are too large together.
    """
    now = await lock_price_book(connection)
    known = (await read_prices(connection, [model])).get(model, [])
    dated = price.model_copy(update={"effective_from": _when(price.effective_from, known, now)})
    _check_size(model, [*known, dated], now)
    numbered = dated.model_copy(update={"version": await add_price(connection, model, dated)})
    await mark_dirty(connection, BILLING_PRICES.name, [_MODEL + model])
    changes = numbered.model_dump(mode="json")
    await record_action(connection, admin, "price.set", resource_id=model, changes=changes)
    return numbered


async def remove_price(connection: Connection, admin: Admin, model: str) -> None:
    """Leave a model without a price, to be refused. Raises EnvelopeError where it has none."""
    await lock_price_book(connection)
    if not await withdraw_prices(connection, model):
        raise EnvelopeError("the model has no price")
    await mark_dirty(connection, BILLING_PRICES.name, [_MODEL + model])
    await record_action(connection, admin, "price.remove", resource_id=model)


async def set_group_ratio(
    connection: Connection, admin: Admin, group: str, ratio: GroupRatio
) -> GroupRatio:
    """Add a version of a group's ratio and answer it as it is; raises as `set_price` does."""
    now = await lock_price_book(connection)
    known = (await read_group_ratios(connection, [group])).get(group, [])
    dated = ratio.model_copy(update={"effective_from": _when(ratio.effective_from, known, now)})
    numbered = dated.model_copy(update={"version": await add_group_ratio(connection, group, dated)})
    await mark_dirty(connection, BILLING_PRICES.name, [_GROUP + group])
    changes = numbered.model_dump(mode="json")
    await record_action(connection, admin, "group_ratio.set", resource_id=group, changes=changes)
    return numbered


async def render(
    connection: Connection, _topic: str, keys: Sequence[str]
) -> dict[str, StateValue | None]:
    """The Render of the state publisher: a model without a price is told, with no versions."""
    now = utc_now()
    models = [key.removeprefix(_MODEL) for key in keys if key.startswith(_MODEL)]
    groups = [key.removeprefix(_GROUP) for key in keys if key.startswith(_GROUP)]
    prices = await read_prices(connection, models)
    ratios = await read_group_ratios(connection, groups)
    values: dict[str, StateValue | None] = dict.fromkeys(keys)
    for model in models:
        versions = told(prices.get(model, []), now)
        values[_MODEL + model] = _value(PriceChanged(model=model, versions=versions))
    for group in groups:
        told_ratios = told(ratios.get(group, []), now)
        values[_GROUP + group] = _value(GroupRatioChanged(group=group, versions=told_ratios))
    return values


def _when(asked: datetime, known: Sequence[Version], now: datetime) -> datetime:
    if asked == UNSET:
        return now
    if asked < now:
        raise EnvelopeError("effective_from is past; leave it out to begin now")
    if len(coming(known, now)) >= MAX_COMING:
        raise EnvelopeError(f"{MAX_COMING} versions are to come already")
    return asked


def _check_size(model: str, versions: Sequence[ModelPrice], now: datetime) -> None:
    """What relays must be told fits into one event, now and until it is all past."""
    try:
        encode_value(PriceChanged(model=model, versions=told(versions, now)))
    except ValueError:
        raise EnvelopeError(
            "the versions that hold or are to come are too large together: name fewer tiers,"
            " tools or sizes, or let some come into force first"
        ) from None


def _value(event: Event) -> StateValue:
    attributes = Attributes(id=new_event_id(), source=SOURCE, time=utc_now())
    return StateValue(encode_value(event), encode_headers(event.TYPE, attributes))
