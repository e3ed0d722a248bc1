"""Billing's `/internal/leases`, as the relay calls it."""

from pydantic import ValidationError

from shared.http.internal_client import InternalCallError, InternalClient
from shared.leases.protocol import LeaseAnswers, LeaseAsks


class BillingLeases:
    """A LeaseExchange over HTTP."""

    def __init__(self, billing: InternalClient) -> None:
        self._billing = billing

    async def exchange(self, asks: LeaseAsks) -> LeaseAnswers:
        """See LeaseExchange."""
        answer = await self._billing.call("POST", "/internal/leases", asks.model_dump(mode="json"))
        try:
            answers = LeaseAnswers.model_validate(answer)
        except ValidationError as error:
            raise InternalCallError("billing's answer cannot be read") from error
        if len(answers.leases) != len(asks.leases):
            raise InternalCallError("billing's answer does not fit the asks")
        return answers
