"""Budgets that refuse: what is held of them, who may still serve, and what counts against which."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.relay.admission import Admission, Offer, terms_of
from services.relay.books.budgets import BudgetBook, HardBudget
from services.relay.books.routing import RoutingBook
from services.relay.dialects.openai_chat import ChatCompletions
from services.relay.errors import RelayError
from services.relay.exchange import ANSWERED, Charge, Exchange
from services.relay.health.choosing import Choosing
from services.relay.leases.holding import Holding
from services.relay.leases.holds import (
    BalanceShortError,
    BillingUnreachableError,
    Hold,
    HoldError,
    RoomHeldError,
)
from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.leases.leasing import Lease, LeaseLimits
from services.relay.recording.completion import completed
from shared.events.budgets import BudgetChanged, BudgetPeriod
from shared.events.requests import ErrorCode
from shared.events.usage import Usage, UsageSource
from tests.unit.relay.made import MODEL, caller, channel, exchange, facts, health, offer, routing
from tests.unit.relay.test_holding import Keeper
from tests.unit.relay.test_offers import NOW, prices

LIMITED = caller(key={"unlimited_quota": False, "project_id": 5})
ACCOUNT, KEY = "account:7", "key:70"
OF_ALL, OF_ONE, OF_TWO = (
    HardBudget("budget:3", None, "research", BudgetPeriod.DAILY),
    HardBudget("budget:4", 1, "first", BudgetPeriod.MONTHLY),
    HardBudget("budget:5", 2, "second", BudgetPeriod.WEEKLY),
)


def told(budget_id: int, **changes: Any) -> BudgetChanged:
    values: dict[str, Any] = {"budget_id": budget_id, "workspace_id": 7, "name": "research"}
    values |= {"period": BudgetPeriod.DAILY, "amount_units": 500_000}
    return BudgetChanged(**values | {"is_hard_limit": True, "is_active": True} | changes)


def budgeted(*budgets: HardBudget, providers: set[int | None] | None = None) -> Offer:
    return offer(budgets=budgets, providers=frozenset(providers or ()))


async def take(keeper: Keeper, of: Offer) -> tuple[Hold, ...]:
    holding = Holding(cast("LeaseKeeper", keeper))
    asked = facts()
    assert holding.try_take(LIMITED, terms_of(asked, of)) is None
    return await holding.take(LIMITED, asked, terms_of(asked, of))


async def refused(keeper: Keeper, of: Offer) -> RelayError:
    with pytest.raises(RelayError) as caught:
        await take(keeper, of)
    assert not any(keeper.held_units.values()), "what was held before is given back"
    return caught.value


def held(*subjects: tuple[str, int | None]) -> tuple[Hold, ...]:
    return tuple(
        Hold(
            Lease(lease_id=f"of {subject}", subject=subject, limits=LeaseLimits(), now=0),
            1,
            provider_id,
        )
        for subject, provider_id in subjects
    )


def two_providers() -> RoutingBook:
    return routing(channel(1, provider_id=1), channel(2, provider_id=2))


# --- what is offered ------------------------------------------------------------------------------


def test_an_offer_has_the_budgets_that_it_can_count_to_and_again_when_they_change() -> None:
    book = BudgetBook()
    for budget in (told(9), told(8, project_id=5), told(7, project_id=6), told(6, provider_id=3)):
        book.put_budget(budget)
    routes = two_providers()
    admission = Admission(routing=routes, prices=prices(NOW), budgets=book)
    offered = admission.offer(MODEL, LIMITED, at=NOW)
    assert [budget.subject for budget in offered.budgets] == ["budget:8", "budget:9"]
    assert admission.offer(MODEL, LIMITED, at=NOW) is offered
    book.put_budget(told(6, provider_id=2))
    offered = admission.offer(MODEL, LIMITED, at=NOW)
    assert [budget.subject for budget in offered.budgets] == ["budget:6", "budget:8", "budget:9"]
    assert offered.providers == {1, 2}
    for each in (6, 8, 9):
        book.put_budget(told(each, is_deleted=True))
    assert admission.offer(MODEL, LIMITED, at=NOW).budgets == ()


def test_no_more_budgets_are_met_than_an_event_can_name() -> None:
    """A ninth lease would make an event that nobody can read: a charge that is lost."""
    book = BudgetBook()
    for budget_id in range(1, 20):
        book.put_budget(told(budget_id))
    admission = Admission(routing=routing(), prices=prices(NOW), budgets=book)
    assert len(admission.offer(MODEL, LIMITED, at=NOW).budgets) == 6


# --- what is held ---------------------------------------------------------------------------------


async def test_the_key_the_budgets_and_the_account_each_hold_all_of_it() -> None:
    keeper = Keeper()
    holds = await take(keeper, budgeted(OF_ALL, OF_ONE, providers={1, 2}))
    assert keeper.taken == [KEY, OF_ALL.subject, OF_ONE.subject, ACCOUNT]
    assert len({hold.units for hold in holds}) == 1
    assert [hold.provider_id for hold in holds] == [None, None, 1, None]


async def test_a_short_budget_refuses_and_says_which_and_what_it_would_cover() -> None:
    error = await refused(Keeper(fails={OF_ALL.subject: BalanceShortError(650)}), budgeted(OF_ALL))
    assert (error.http_status, error.code) == (403, ErrorCode.BUDGET_EXCEEDED)
    assert error.message.startswith(
        "What is left of the budget `research` for this day ($0.001300) does not cover"
    )
    assert "`max_tokens` up to 125" in error.message


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (RoomHeldError(), 429, ErrorCode.QUOTA_HELD),
        (BillingUnreachableError(), 503, ErrorCode.LEASE_UNAVAILABLE),
    ],
)
async def test_a_budget_that_others_hold_may_be_tried_again(
    failure: HoldError, status: int, code: ErrorCode
) -> None:
    error = await refused(Keeper(fails={OF_ALL.subject: failure}), budgeted(OF_ALL))
    assert (error.http_status, error.code) == (status, code)
    assert error.retry_after_s


async def test_a_short_provider_leaves_the_others() -> None:
    offered = budgeted(OF_ALL, OF_ONE, OF_TWO, providers={1, 2})
    keeper = Keeper(fails={OF_ONE.subject: BalanceShortError(0)})
    holds = await take(keeper, offered)
    assert [hold.lease.subject for hold in holds] == [
        *(KEY, OF_ALL.subject, OF_TWO.subject, ACCOUNT)
    ]
    going = exchange(offered=offered, holds=holds)
    assert going.closed_providers() == {1}


async def test_where_no_provider_is_left_it_is_refused() -> None:
    short, held_by_others = BalanceShortError(0), RoomHeldError()
    for failures, status in (((short, short), 403), ((held_by_others, short), 429)):
        fails = dict(zip((OF_ONE.subject, OF_TWO.subject), failures, strict=True))
        both = budgeted(OF_ONE, OF_TWO, providers={1, 2})
        assert (await refused(Keeper(fails=dict(fails)), both)).http_status == status
        # A channel of no provider is of no provider's budget.
        others = budgeted(OF_ONE, OF_TWO, providers={1, 2, None})
        assert len(await take(Keeper(fails=dict(fails)), others)) == 2


async def test_nobody_can_say_is_not_that_a_provider_is_closed() -> None:
    keeper = Keeper(fails={OF_ONE.subject: BillingUnreachableError()})
    assert (await refused(keeper, budgeted(OF_ONE, providers={1, 2}))).http_status == 503


def test_a_request_that_can_cost_nothing_closes_nobody() -> None:
    free = exchange(offered=budgeted(OF_ONE), request=facts(is_free=True), holds=())
    assert free.closed_providers() == set()


# --- who serves, and what counts ------------------------------------------------------------------


def closing_one(**changes: Any) -> Exchange:
    offered = budgeted(OF_ONE, providers={1, 2})
    return exchange(offered=offered, holds=held((ACCOUNT, None)), **changes)


def choosing(routes: RoutingBook) -> Choosing:
    channels = (channel(1, provider_id=1), channel(2, provider_id=2))
    return Choosing(routing=routes, health=health(*channels), random=lambda: 0.0)


def test_a_closed_provider_s_channels_are_passed_over() -> None:
    chooses, call = choosing(two_providers()), ChatCompletions()
    for going, expected in ((exchange(), 1), (closing_one(), 2)):
        choice = chooses.next(going, call, tried=set(), refused=set())
        assert choice is not None
        assert choice.channel.channel_id == expected
    assert chooses.next(closing_one(), call, tried={2}, refused=set()) is None


def test_a_charge_counts_against_a_provider_s_budget_only_where_it_served() -> None:
    holds = held((OF_ALL.subject, None), (OF_ONE.subject, 1), (OF_TWO.subject, 2), (ACCOUNT, None))
    first, second = (tier[0] for tier in two_providers().tiers(MODEL, "default", "openai"))
    for served_by, uses in ((first, [9, 9, 0, 9]), (second, [9, 0, 9, 9]), (None, [9, 0, 0, 9])):
        going = exchange(holds=holds, channel=served_by)
        charge = Charge(9, Usage(), UsageSource.PROVIDER, "null")
        record = completed(going, ANSWERED, charge, datetime.now(UTC))
        assert [use for _, use in record.lease_uses] == uses
        assert [going.used_of(hold, 9) for hold in holds] == uses
