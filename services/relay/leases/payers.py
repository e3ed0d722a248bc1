"""What must cover a request, and what a client is told where one of them is short. Pure."""

from decimal import Decimal
from typing import Final, NamedTuple

from services.relay.admission import Offer, Terms
from services.relay.callers.caller import ApiCaller
from services.relay.dialects.dialect import RequestFacts
from services.relay.errors import RelayError
from shared.events.budgets import BudgetPeriod
from shared.events.requests import ErrorCode
from shared.money.hold import affordable_output_tokens
from shared.money.quota import QUOTA_PER_UNIT

_PERIODS: Final = {
    BudgetPeriod.DAILY: "day",
    BudgetPeriod.WEEKLY: "week",
    BudgetPeriod.MONTHLY: "month",
    BudgetPeriod.YEARLY: "year",
}


class Payer(NamedTuple):
    """An account, a key with a limit, or a budget."""

    subject: str
    """As leases name it."""
    what: str
    """Of which there is too little, in words."""
    short_code: ErrorCode
    provider_id: int | None = None
    """Only what this provider serves is charged to it; null: whoever serves."""


def payers_of(caller: ApiCaller, offer: Offer) -> list[Payer]:
    """The narrower first: who waits for it holds nothing of the rest."""
    *keys, account = caller.subjects
    return [
        *(Payer(key, "The API key's remaining quota", ErrorCode.KEY_EXHAUSTED) for key in keys),
        *(
            Payer(
                budget.subject,
                f"What is left of the budget `{budget.name}` for this {_PERIODS[budget.period]}",
                ErrorCode.BUDGET_EXCEEDED,
                budget.provider_id,
            )
            for budget in offer.budgets
        ),
        Payer(account, "The balance", ErrorCode.INSUFFICIENT_QUOTA),
    ]


def quota_short(
    terms: Terms, facts: RequestFacts, payer: Payer, spendable_units: int
) -> RelayError:
    """403: what must cover the hold does not. Says which `max_tokens` it would cover."""
    hosted = facts.hosted
    covered = affordable_output_tokens(
        available_units=spendable_units,
        prompt_tokens=terms.prompt_tokens,
        answers=facts.answers if hosted is None else facts.answers * hosted.outputs,
        price=terms.offer.price.ratios,
        dearest_group_ratio=terms.offer.dearest_group_ratio,
        service_tier_ratio=terms.offer.dearest[facts.service_tier][0],
        tool_calls=() if hosted is None else hosted.calls,
    )
    short = (
        f"{payer.what} (${_dollars(spendable_units)}) does not cover what this request may cost"
        f" (${_dollars(terms.hold_units)})."
    )
    hint = f" It would cover `max_tokens` up to {covered}." if covered > 0 else ""
    return RelayError(payer.short_code, 403, short + hint)


def quota_held(payer: Payer) -> RelayError:
    """429: it would do, but other requests hold it."""
    return RelayError(
        ErrorCode.QUOTA_HELD,
        429,
        f"{payer.what} is held by other requests. Try again.",
        retry_after_s=1,
    )


def providers_closed() -> RelayError:
    """403: whoever could serve the request has a budget that does not cover it."""
    return RelayError(
        ErrorCode.BUDGET_EXCEEDED,
        403,
        "The budget of each provider that could serve this request does not cover what it may"
        " cost.",
    )


def _dollars(units: int) -> str:
    return f"{Decimal(max(0, units)) / QUOTA_PER_UNIT:.6f}"
