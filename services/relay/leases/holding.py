"""Setting aside what a request may cost: of its account, its key's limit, and its budgets.

Where a provider's budget has no room the request goes on without that provider: see
`Exchange.closed_providers`.
"""

from typing import Final

from services.relay.admission import Terms
from services.relay.callers.caller import ApiCaller
from services.relay.dialects.dialect import RequestFacts
from services.relay.errors import RelayError, gateway_full
from services.relay.leases.holds import (
    BalanceShortError,
    BillingUnreachableError,
    Hold,
    RoomHeldError,
)
from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.leases.payers import Payer, payers_of, quota_held, quota_short
from shared.events.requests import ErrorCode

_CLOSING: Final = frozenset({ErrorCode.BUDGET_EXCEEDED, ErrorCode.QUOTA_HELD})
"""Of a provider's budget: the others may serve it."""
_TRY_AGAIN: Final = 429


class Holding:
    """Takes holds for one relay."""

    def __init__(self, leases: LeaseKeeper) -> None:
        self._leases = leases

    def try_take(self, caller: ApiCaller, terms: Terms) -> tuple[Hold, ...] | None:
        """The same as `take`, decided here and now; null: `take` must ask or wait."""
        units = terms.hold_units
        if units == 0:
            return ()
        subjects = caller.subjects
        if len(subjects) == 1 and not terms.offer.budgets:
            hold = self._leases.try_hold(subjects[0], units)
            return None if hold is None else (hold,)
        return None

    async def take(self, caller: ApiCaller, facts: RequestFacts, terms: Terms) -> tuple[Hold, ...]:
        """The request's holds, all or none; none where it cannot cost anything.

        Raises RelayError 403 where a quota or a budget is short, 429 where others hold it, 503
        where nobody can say.
        """
        if terms.hold_units == 0:
            return ()
        holds: list[Hold] = []
        closed: list[RelayError] = []
        providers = set(terms.offer.providers)
        try:
            for payer in payers_of(caller, terms.offer):
                provider_id = payer.provider_id
                if provider_id is not None and provider_id not in providers:
                    continue
                try:
                    hold = self._leases.try_hold(payer.subject, terms.hold_units)
                    if hold is None:
                        hold = await self._wait(payer, facts, terms)
                except RelayError as error:
                    if provider_id is None or error.code not in _CLOSING:
                        raise
                    providers.remove(provider_id)
                    closed.append(error)
                    if not providers:
                        # Who may succeed in a moment is told so.
                        raise min(closed, key=lambda one: one.http_status != _TRY_AGAIN) from None
                    continue
                holds.append(
                    hold if provider_id is None else hold._replace(provider_id=provider_id)
                )
        except BaseException:
            self.give_back(holds)
            raise
        return tuple(holds)

    def give_back(self, holds: list[Hold] | tuple[Hold, ...]) -> None:
        """Nothing was used. Once for each hold."""
        for hold in holds:
            self._leases.settle(hold, 0)

    async def _wait(self, payer: Payer, facts: RequestFacts, terms: Terms) -> Hold:
        try:
            return await self._leases.hold(payer.subject, terms.hold_units)
        except BalanceShortError as short:
            raise quota_short(terms, facts, payer, short.spendable_units) from None
        except RoomHeldError:
            raise quota_held(payer) from None
        except OSError:
            raise gateway_full() from None  # the new lease could not be written down
        except BillingUnreachableError:
            raise RelayError(
                ErrorCode.LEASE_UNAVAILABLE,
                503,
                "The balance cannot be checked right now. Try again.",
                retry_after_s=2,
            ) from None
