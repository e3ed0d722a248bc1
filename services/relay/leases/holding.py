"""Setting aside what a request may cost: of its account, and of its key where that has a limit."""

from services.relay.admission import Terms, quota_short
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
from shared.events.requests import ErrorCode


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
        if len(subjects) == 1:
            hold = self._leases.try_hold(subjects[0], units)
            return None if hold is None else (hold,)
        return None

    async def take(self, caller: ApiCaller, facts: RequestFacts, terms: Terms) -> tuple[Hold, ...]:
        """The request's holds, all or none; none where it cannot cost anything.

        Raises RelayError 403 where a quota is short, 429 where others hold it, 503 where nobody
        can say.
        """
        if terms.hold_units == 0:
            return ()
        holds: list[Hold] = []
        try:
            for subject in caller.subjects:
                hold = self._leases.try_hold(subject, terms.hold_units)
                if hold is None:
                    hold = await self._wait(subject, facts, terms)
                holds.append(hold)
        except BaseException:
            self.give_back(holds)
            raise
        return tuple(holds)

    def give_back(self, holds: list[Hold] | tuple[Hold, ...]) -> None:
        """Nothing was used. Once for each hold."""
        for hold in holds:
            self._leases.settle(hold, 0)

    async def _wait(self, subject: str, facts: RequestFacts, terms: Terms) -> Hold:
        is_key = subject.startswith("key:")
        try:
            return await self._leases.hold(subject, terms.hold_units)
        except BalanceShortError as short:
            raise quota_short(terms, facts, short.spendable_units, is_key=is_key) from None
        except RoomHeldError:
            what = "The API key's quota" if is_key else "The balance"
            raise RelayError(
                ErrorCode.QUOTA_HELD,
                429,
                f"{what} is held by other requests. Try again.",
                retry_after_s=1,
            ) from None
        except OSError:
            raise gateway_full() from None  # the new lease could not be written down
        except BillingUnreachableError:
            raise RelayError(
                ErrorCode.LEASE_UNAVAILABLE,
                503,
                "The balance cannot be checked right now. Try again.",
                retry_after_s=2,
            ) from None
