"""Prices and group ratios with the time from which each holds, from `billing.prices`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from shared.events.prices import GroupRatio, GroupRatioChanged, ModelPrice, PriceChanged
from shared.money.price_of_event import ratios_of
from shared.money.price_ratios import PriceRatios

_EVER: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceInForce:
    """A model's price at one moment."""

    version: int
    ratios: PriceRatios
    max_output_tokens: int | None
    max_input_tokens: int | None = None
    """The model's context."""


class GroupRatioInForce(NamedTuple):
    """A group's ratio at one moment, for one user."""

    ratio: Decimal
    is_for_user_group: bool
    """It is the ratio for (the user's group, the group in use)."""


class PriceBook:
    """What is in force when. A request is rated with what held at its start."""

    def __init__(self) -> None:
        self._models: dict[str, list[tuple[datetime, PriceInForce]]] = {}
        self._groups: dict[str, tuple[GroupRatio, ...]] = {}
        self.generation = 0
        """Goes up with every change: what was derived from the book holds for one generation."""

    def put_model(self, changed: PriceChanged) -> None:
        """The newest list of a model's versions."""
        versions = sorted(changed.versions, key=lambda v: (v.effective_from, v.version))
        self._models[changed.model] = [(v.effective_from, _in_force(v)) for v in versions]
        self.generation += 1

    def put_group(self, changed: GroupRatioChanged) -> None:
        """The newest list of a group's versions."""
        self._groups[changed.group] = tuple(
            sorted(changed.versions, key=lambda v: (v.effective_from, v.version))
        )
        self.generation += 1

    def forget(self, key: str) -> None:
        """A tombstone of `model:<name>` or `group:<name>`."""
        kind, _, name = key.partition(":")
        if kind == "model":
            self._models.pop(name, None)
        elif kind == "group":
            self._groups.pop(name, None)
        self.generation += 1

    def unchanged(self, at: datetime) -> tuple[datetime, datetime]:
        """From when until before when everything in force at `at` is."""
        since, until = _EVER
        for versions in self._models.values():
            since, until = _narrowed(since, until, at, (begins for begins, _ in versions))
        for of_group in self._groups.values():
            since, until = _narrowed(since, until, at, (one.effective_from for one in of_group))
        return since, until

    def price(self, model: str, at: datetime) -> PriceInForce | None:
        """The model's price; null: it has none, and must be refused."""
        found = None
        for effective_from, price in self._models.get(model, ()):
            if effective_from > at:
                break
            found = price
        return found

    def group_ratio(self, group: str, user_group: str, at: datetime) -> GroupRatioInForce | None:
        """The ratio of `group` for a user of `user_group`; null: the group has none."""
        found = None
        for version in self._groups.get(group, ()):
            if version.effective_from > at:
                break
            found = version
        if found is None:
            return None
        special = found.user_group_ratios.get(user_group)
        return GroupRatioInForce(
            ratio=found.ratio if special is None else special, is_for_user_group=special is not None
        )


def _narrowed(
    since: datetime, until: datetime, at: datetime, changes: Iterable[datetime]
) -> tuple[datetime, datetime]:
    for change in changes:
        if change <= at:
            since = max(since, change)
        else:
            until = min(until, change)
    return since, until


def _in_force(price: ModelPrice) -> PriceInForce:
    return PriceInForce(
        version=price.version,
        max_output_tokens=price.max_output_tokens,
        max_input_tokens=price.max_input_tokens,
        ratios=ratios_of(price),
    )
