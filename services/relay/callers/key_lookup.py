"""Asking control for a key that is not in the book yet, without letting strangers flood control.

An answer lives 5 s and never enters the book; a miss is remembered for a second.
"""

import asyncio
import time
from collections import OrderedDict
from typing import Any, Final

from pydantic import ValidationError

from services.relay.callers.caller import ApiCaller
from services.relay.errors import RelayError
from shared.events.directory import UserChanged, WorkspaceChanged
from shared.events.keys import KeyChanged
from shared.events.requests import ErrorCode
from shared.http.internal_client import InternalCallError, InternalClient

_HIT_S: Final = 5.0
_MISS_S: Final = 1.0
_REMEMBERED: Final = 10_000
_IN_FLIGHT: Final = 32
_NOT_FOUND: Final = 404


class ControlKeyLookup:
    """A KeyLookup over control's `GET /internal/keys/{hash}`."""

    def __init__(self, control: InternalClient) -> None:
        self._control = control
        self._answers: OrderedDict[bytes, tuple[float, ApiCaller | None]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[ApiCaller | None]] = {}

    async def find(self, key_hash: bytes) -> ApiCaller | None:
        """See KeyLookup."""
        remembered = self._answers.get(key_hash)
        if remembered is not None and remembered[0] > time.monotonic():
            return remembered[1]
        task = self._asking.get(key_hash)
        if task is None:
            if len(self._asking) >= _IN_FLIGHT:
                raise _unreachable()
            task = asyncio.create_task(self._ask(key_hash))
            self._asking[key_hash] = task
            task.add_done_callback(lambda _: self._asking.pop(key_hash, None))
        # Shielded: one client that leaves must not fail the others that wait for the same key.
        return await asyncio.shield(task)

    async def _ask(self, key_hash: bytes) -> ApiCaller | None:
        try:
            answer = await self._control.call("GET", f"/internal/keys/{key_hash.hex()}")
            caller = _caller(answer)
        except InternalCallError as error:
            if error.status != _NOT_FOUND:
                raise _unreachable() from error
            caller = None
        except (ValidationError, KeyError, TypeError) as error:
            raise _unreachable() from error
        keep_s = _MISS_S if caller is None else _HIT_S
        self._answers[key_hash] = (time.monotonic() + keep_s, caller)
        self._answers.move_to_end(key_hash)
        if len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)
        return caller


def _caller(answer: Any) -> ApiCaller:
    key = KeyChanged.model_validate(answer["key"])
    user = UserChanged.model_validate(answer["user"])
    return ApiCaller(
        key=key,
        user=user,
        workspace=WorkspaceChanged.model_validate(answer["workspace"]),
        project_name=None,
        group=key.group or user.group,
    )


def _unreachable() -> RelayError:
    return RelayError(
        ErrorCode.CONTROL_UNREACHABLE,
        503,
        "The API key is not known here and cannot be looked up right now. Try again.",
        retry_after_s=1,
    )
