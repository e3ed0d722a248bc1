"""Changing the price book, and telling relays of it on `billing.prices`."""

from collections.abc import Mapping, Sequence
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
    return (await set_prices(connection, admin, {model: price}, now=now))[model]


async def set_prices(
    connection: Connection, admin: Admin, prices: Mapping[str, ModelPrice], *, now: datetime
) -> dict[str, ModelPrice]:
    """The same for many models, all from one moment on; `now` is what `lock_price_book` said."""
    known = await read_prices(connection, list(prices))
    numbered: dict[str, ModelPrice] = {}
    for model, price in prices.items():
        before = known.get(model, [])
        dated = price.model_copy(
            update={"effective_from": _when(price.effective_from, before, now)}
        )
        _check_size(PriceChanged(model=model, versions=told([*before, dated], now)))
        version = await add_price(connection, model, dated)
        numbered[model] = dated.model_copy(update={"version": version})
        changes = numbered[model].model_dump(mode="json")
        await record_action(connection, admin, "price.set", resource_id=model, changes=changes)
    await mark_dirty(connection, BILLING_PRICES.name, [_MODEL + model for model in prices])
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
    return (await set_group_ratios(connection, admin, {group: ratio}, now=now))[group]


async def set_group_ratios(
    connection: Connection, admin: Admin, ratios: Mapping[str, GroupRatio], *, now: datetime
) -> dict[str, GroupRatio]:
    """The same for many groups, as `set_prices` does it."""
    known = await read_group_ratios(connection, list(ratios))
    numbered: dict[str, GroupRatio] = {}
    for group, ratio in ratios.items():
        before = known.get(group, [])
        dated = ratio.model_copy(
            update={"effective_from": _when(ratio.effective_from, before, now)}
        )
        _check_size(GroupRatioChanged(group=group, versions=told([*before, dated], now)))
        version = await add_group_ratio(connection, group, dated)
        numbered[group] = dated.model_copy(update={"version": version})
        changes = numbered[group].model_dump(mode="json")
        await record_action(
            connection, admin, "group_ratio.set", resource_id=group, changes=changes
        )
    await mark_dirty(connection, BILLING_PRICES.name, [_GROUP + group for group in ratios])
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


def _check_size(state: PriceChanged | GroupRatioChanged) -> None:
    """What relays must be told fits into one event, now and until it is all past."""
    try:
        encode_value(state)
    except ValueError:
        raise EnvelopeError(
            "the versions that hold or are to come are too large together: name fewer tiers,"
            " tools, sizes or users' groups, or let some come into force first"
        ) from None


def _value(event: Event) -> StateValue:
    attributes = Attributes(id=new_event_id(), source=SOURCE, time=utc_now())
    return StateValue(encode_value(event), encode_headers(event.TYPE, attributes))
