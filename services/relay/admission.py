"""What a request may use and what it may cost at the most.

Pure, but for the offers that `Admission` remembers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from services.relay.books.budgets import BudgetBook, HardBudget
from services.relay.books.prices import PriceBook, PriceInForce
from services.relay.books.routing import RoutingBook
from services.relay.callers.caller import ApiCaller
from services.relay.dialects.dialect import RequestFacts
from services.relay.dialects.tools_asked import HostedTools
from services.relay.errors import RelayError, invalid_request
from services.relay.group_terms import GroupTerms, group_terms
from services.relay.hosted_tools import input_bound
from services.relay.recording.event_json import as_json
from services.relay.service_tiers import dearest_ratios, not_offered
from shared.events.requests import ErrorCode
from shared.events.routing import ModelChanged
from shared.money.tariff import Tariff

_MOST_BUDGETS: Final = 6
"""An event names eight leases at the most, a key's and an account's among them."""


class Terms(NamedTuple):
    """On what terms a request is admitted."""

    offer: "Offer"
    prompt_tokens: int
    """Upper bound of the input."""
    output_tokens: int
    """Upper bound of one answer."""
    hold_units: int
    """Upper bound of the charge."""


@dataclass(slots=True, kw_only=True, eq=False)
class Offer:
    """What one model is to one caller, until a price or anything that is known of them changes."""

    model: ModelChanged
    model_json: str
    """Its name for an event."""
    price: PriceInForce
    groups: Mapping[str, GroupTerms]
    """The groups in which it may be tried, the caller's own first, and what each costs."""
    dearest_group_ratio: Decimal
    dearest: Mapping[str, tuple[Decimal, Tariff]]
    """By the tier of service that is asked for: the dearest that it may be served in."""
    output_tokens: int
    """Upper bound of one answer where the request names none."""
    budgets: tuple[HardBudget, ...] = ()
    """Those that it may count to, by id."""
    providers: frozenset[int | None] = frozenset()
    """Where a budget is of one provider: all that may serve it."""
    epoch: int = 0


class Admission:
    """Works offers out once, and again when what they are made of changes."""

    def __init__(self, *, routing: RoutingBook, prices: PriceBook, budgets: BudgetBook) -> None:
        self._routing = routing
        self._prices = prices
        self._budgets = budgets
        self._made_of: tuple[int, int, int] = (-1, -1, -1)
        self._epoch = 0
        self._since = self._until = datetime.min.replace(tzinfo=UTC)

    def offer(self, model: str, caller: ApiCaller, *, at: datetime) -> Offer:
        """What `model` is to `caller` at the time `at`. Raises RelayError 403, 404 or 503."""
        made_of = (self._routing.generation, self._prices.generation, self._budgets.generation)
        if self._made_of != made_of or at >= self._until:
            self._made_of = made_of
            self._begin_anew(at)
        if at < self._since:
            # It arrived before a price changed and is looked at after it.
            return self._work_out(model, caller, at)
        offer = caller.offers.get(model)
        if offer is None or offer.epoch != self._epoch:
            offer = self._work_out(model, caller, at)
            offer.epoch = self._epoch
            caller.offers[model] = offer
        return offer

    def _work_out(self, model: str, caller: ApiCaller, at: datetime) -> Offer:
        return offer_of(
            model,
            caller,
            routing=self._routing,
            prices=self._prices,
            budgets=self._budgets,
            at=at,
        )

    def _begin_anew(self, at: datetime) -> None:
        self._epoch += 1
        self._since, self._until = self._prices.unchanged(at)


def offer_of(
    name: str,
    caller: ApiCaller,
    *,
    routing: RoutingBook,
    prices: PriceBook,
    budgets: BudgetBook,
    at: datetime,
) -> Offer:
    """What the model of this name is to `caller`. Raises RelayError 403, 404 or 503."""
    limits = caller.key.model_limits
    if limits is not None and name not in limits:
        raise RelayError(
            ErrorCode.MODEL_NOT_ALLOWED, 403, "The API key may not use this model.", param="model"
        )
    model = routing.usable_model(name, caller.group)
    if model is None:
        raise RelayError(
            ErrorCode.MODEL_NOT_FOUND,
            404,
            "The model does not exist or your group may not use it.",
            param="model",
        )
    price = prices.price(name, at)
    ratios = {
        group: ratio
        for group in _groups(name, caller, routing)
        if (ratio := prices.group_ratio(group, caller.user.group, at)) is not None
    }
    if price is None or caller.group not in ratios:
        raise RelayError(
            ErrorCode.MODEL_PRICE_NOT_SET, 503, "No price is set for this model.", param="model"
        )
    dearest = max(each.ratio for each in ratios.values())
    counted, providers = _budgets(name, caller, list(ratios), routing, budgets)
    return Offer(
        model=model,
        model_json=as_json(name),
        price=price,
        groups={group: group_terms(price, group, ratio) for group, ratio in ratios.items()},
        dearest_group_ratio=dearest,
        dearest=dearest_tariffs(price, dearest),
        output_tokens=price.max_output_tokens or model.max_output_tokens,
        budgets=counted,
        providers=providers,
    )


def dearest_tariffs(
    price: PriceInForce, group_ratio: Decimal
) -> Mapping[str, tuple[Decimal, Tariff]]:
    """What an offer's holds go by."""
    ratios = dearest_ratios(price.ratios)
    tariffs = {ratio: Tariff(price.ratios, group_ratio, ratio) for ratio in set(ratios.values())}
    return {asked: (ratio, tariffs[ratio]) for asked, ratio in ratios.items()}


def terms_of(facts: RequestFacts, offer: Offer) -> Terms:
    """The terms for a request. Raises RelayError 400."""
    prompt_tokens = facts.text_bytes
    if facts.media_count:
        if not offer.model.max_media_tokens:
            # Without a bound for its media no hold would be an upper bound.
            raise invalid_request("The model takes no images, audio or files.")
        prompt_tokens += facts.media_count * offer.model.max_media_tokens
    output_tokens = facts.max_output_tokens
    if output_tokens is None:
        output_tokens = offer.output_tokens
    dearest = offer.dearest.get(facts.service_tier)
    if dearest is None:
        raise not_offered(offer.price.ratios)
    if facts.hosted is not None:
        return _terms_with_tools(facts, facts.hosted, offer, prompt_tokens, output_tokens)
    bound = 0
    if not facts.is_free:
        bound = dearest[1].bound(
            prompt_tokens=prompt_tokens, output_tokens=output_tokens, answers=facts.answers
        )
    return Terms(offer, prompt_tokens, output_tokens, bound)


def _terms_with_tools(
    facts: RequestFacts, hosted: HostedTools, offer: Offer, prompt_tokens: int, output_tokens: int
) -> Terms:
    """The same where the provider runs tools: what they bring in is held, and their calls."""
    prompt_tokens = max(prompt_tokens, input_bound(hosted, offer.price))
    bound = 0
    if not facts.is_free:
        bound = offer.dearest[facts.service_tier][1].bound(
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            answers=facts.answers * hosted.outputs,
            tool_calls=hosted.calls,
        )
    return Terms(offer, prompt_tokens, output_tokens, bound)


def _groups(model: str, caller: ApiCaller, routing: RoutingBook) -> list[str]:
    """The caller's group; where its key may go on to the user's others, those as well."""
    if not caller.key.cross_group_retry:
        return [caller.group]
    others = (caller.user.group, *routing.selectable_groups())
    allowed = [group for group in others if routing.usable_model(model, group) is not None]
    return list(dict.fromkeys((caller.group, *allowed)))


def _budgets(
    model: str, caller: ApiCaller, groups: list[str], routing: RoutingBook, budgets: BudgetBook
) -> tuple[tuple[HardBudget, ...], frozenset[int | None]]:
    """The budgets that a request may count to; and, if any is of one provider, who may serve it."""
    meant = budgets.of(caller.key.workspace_id, caller.key.project_id)[:_MOST_BUDGETS]
    if all(budget.provider_id is None for budget in meant):
        return meant, frozenset()
    providers = routing.providers(model, groups)
    return (
        tuple(
            budget
            for budget in meant
            if budget.provider_id is None or budget.provider_id in providers
        ),
        providers,
    )
