"""Asking control for a key's terms: billing keeps what a key has spent, and control the rest."""

from datetime import datetime
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from services.billing.accounts.tool_shapes import KeyTerms
from shared.http.envelope import EnvelopeError
from shared.http.internal_client import InternalCallError, InternalClient

_NOT_FOUND: Final = 404


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    name: str
    expires_at: AwareDatetime | None = None
    model_limits: tuple[str, ...] | None = None


class ControlKeys:
    """Control's internal port. Nothing is remembered: who asks was just signed in by control."""

    def __init__(self, control: InternalClient) -> None:
        self._control = control

    async def terms(self, key_id: int) -> KeyTerms:
        """The terms as they are now. Raises EnvelopeError 401 where the key is gone, or 503."""
        try:
            answer = _Answer.model_validate(
                await self._control.call("GET", f"/internal/key-terms/{key_id}")
            )
        except InternalCallError as error:
            if error.status == _NOT_FOUND:
                raise EnvelopeError("the key is no longer there", http_status=401) from None
            raise EnvelopeError("control cannot be asked right now", http_status=503) from None
        except ValidationError:
            raise EnvelopeError("control cannot be asked right now", http_status=503) from None
        expires_at: datetime | None = answer.expires_at
        return KeyTerms(answer.name, expires_at, answer.model_limits)
