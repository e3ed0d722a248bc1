"""What publishing a draft would change. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from services.billing.prices.price_body import PriceFields
from shared.events.prices import GroupRatio, ModelPrice

_NOT_FIGURES: Final = {"version", "effective_from"}
_HUNDREDTH: Final = Decimal("0.01")
_DIGITS: Final = 16


class Difference(NamedTuple):
    """By what a draft differs from what holds."""

    added: list[str]
    changed: dict[str, dict[str, Any]]
    """By model or group: each figure that differs, with its old and new value."""
    unchanged: list[str]
    not_in_draft: list[str]

    @property
    def to_publish(self) -> list[str]:
        """Those that get a new version, in order."""
        return sorted([*self.added, *self.changed])


def prices_differ(
    draft: Mapping[str, PriceFields], in_force: Mapping[str, ModelPrice], at: datetime
) -> Difference:
    """Of models; `in_force`: what holds at `at` without the draft."""
    proposed = {model: price.as_price(at) for model, price in draft.items()}
    return _difference(proposed, in_force)


def ratios_differ(
    draft: Mapping[str, GroupRatio], in_force: Mapping[str, GroupRatio]
) -> Difference:
    """The same of groups' ratios."""
    return _difference(draft, in_force)


def comparison_word(
    book_version: str,
    proposed: Sequence[Mapping[str, PriceFields | GroupRatio]],
    in_force: Sequence[Mapping[str, ModelPrice | GroupRatio]],
) -> str:
    """What stands for a comparison: the book, what of it held at the time, and the proposal."""
    compared = (
        [sorted(each.version for each in held.values()) for held in in_force],
        [{name: each.model_dump(mode="json") for name, each in of.items()} for of in proposed],
    )
    digest = sha256(orjson.dumps(compared, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"{book_version}-{digest[:_DIGITS]}"


def _difference(
    draft: Mapping[str, ModelPrice | GroupRatio], in_force: Mapping[str, ModelPrice | GroupRatio]
) -> Difference:
    changed, unchanged = {}, []
    for name in sorted(draft.keys() & in_force.keys()):
        if fields := _fields(in_force[name], draft[name]):
            changed[name] = fields
        else:
            unchanged.append(name)
    return Difference(
        added=sorted(draft.keys() - in_force.keys()),
        changed=changed,
        unchanged=unchanged,
        not_in_draft=sorted(in_force.keys() - draft.keys()),
    )


def _fields(old: ModelPrice | GroupRatio, new: ModelPrice | GroupRatio) -> dict[str, Any]:
    shown_old, shown_new = old.model_dump(mode="json"), new.model_dump(mode="json")
    return {
        name: {
            "old": shown_old[name],
            "new": shown_new[name],
            "change_percent": _percent(getattr(old, name), getattr(new, name)),
        }
        for name in shown_new
        if name not in _NOT_FIGURES and getattr(old, name) != getattr(new, name)
    }


def _percent(old: object, new: object) -> str | None:
    """By how much a figure goes up or down; null where there is no such number."""
    if not isinstance(old, Decimal) or not isinstance(new, Decimal) or not old:
        return None
    return str(((new - old) / old * 100).quantize(_HUNDREDTH))
