"""Who sends a request: from an API key to the key's user, workspace and group."""

import hashlib
from datetime import datetime
from typing import Final, Protocol

from services.relay.books.directory import DirectoryBook
from services.relay.books.keys import KeyBook
from services.relay.callers.caller import ApiCaller
from services.relay.errors import RelayError
from shared.events.keys import KeyChanged
from shared.events.requests import ErrorCode
from shared.events.routing import Status
from shared.http.addresses import is_allowed

_KEY_PREFIX: Final = "sk-"
_REMEMBERED: Final = 20_000


class KeyLookup(Protocol):
    """Asks control for a key that no topic has brought yet."""

    async def find(self, key_hash: bytes) -> ApiCaller | None:
        """Null: there is no such key. Raises RelayError 503 where control cannot be asked."""


def key_hash_of(shown: str | None) -> bytes | None:
    """The SHA-256 of a key as it was shown; `sk-` is optional. None where there is none."""
    secret = (shown or "").removeprefix(_KEY_PREFIX)
    if not secret:
        return None
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class Authenticator:
    """Finds the caller of a request in memory, and asks control only for keys not there yet."""

    def __init__(self, *, keys: KeyBook, directory: DirectoryBook, lookup: KeyLookup) -> None:
        self._keys = keys
        self._directory = directory
        self._lookup = lookup
        # Callers as they were put together last: until any of what they are made of changes.
        self._callers: dict[bytes, ApiCaller] = {}
        self._generation = 0

    async def identify(self, shown_key: str | None, *, hint: str) -> ApiCaller:
        """The caller, whether or not its key may be used. Raises RelayError 401 or 503.

        `hint` tells a client that showed none how a key is sent.
        """
        caller = self.known(shown_key, hint=hint)
        if caller is None and (key_hash := key_hash_of(shown_key)) is not None:
            caller = await self._lookup.find(key_hash)
        if caller is None:
            raise RelayError(ErrorCode.INVALID_API_KEY, 401, "The API key is not valid.")
        return caller

    def known(self, shown_key: str | None, *, hint: str) -> ApiCaller | None:
        """The caller, if it is known here; null: `identify` asks control. Raises RelayError 401."""
        key_hash = key_hash_of(shown_key)
        if key_hash is None:
            raise RelayError(ErrorCode.INVALID_API_KEY, 401, f"No API key was given: {hint}.")
        if self._directory.generation != self._generation or len(self._callers) > _REMEMBERED:
            self._callers.clear()
            self._generation = self._directory.generation
        key = self._keys.find(key_hash)
        if key is None:
            return None
        caller = self._callers.get(key_hash)
        # The book gives the same object until the key changes: others' changes cost nothing.
        if caller is None or caller.key is not key:
            caller = self._put_together(key)
            if caller is not None:
                self._callers[key_hash] = caller
        return caller

    def _put_together(self, key: KeyChanged) -> ApiCaller | None:
        user = self._directory.users.get(key.user_id)
        workspace = self._directory.workspaces.get(key.workspace_id)
        if user is None or workspace is None:
            return None
        project = self._directory.projects.get(key.project_id) if key.project_id else None
        return ApiCaller(
            key=key,
            user=user,
            workspace=workspace,
            project_name=project.name if project else None,
            group=key.group or user.group,
        )


def refusal(caller: ApiCaller, *, now: datetime, client_address: str) -> RelayError | None:
    """Why this key may not be used now and from there; null: it may. Pure."""
    if caller.is_unconditional:
        return None
    key, user = caller.key, caller.user
    if (
        key.is_deleted
        or key.status is Status.DISABLED
        or user.is_deleted
        or user.status is not Status.ENABLED
        or caller.workspace.is_deleted
        or caller.workspace.status is not Status.ENABLED
    ):
        return RelayError(ErrorCode.KEY_DISABLED, 401, "The API key is disabled.")
    if key.status is Status.EXPIRED or (key.expires_at is not None and key.expires_at <= now):
        return RelayError(ErrorCode.KEY_EXPIRED, 401, "The API key has expired.")
    if key.status is Status.EXHAUSTED:
        return RelayError(ErrorCode.KEY_EXHAUSTED, 403, "The API key's quota is used up.")
    if key.allow_addresses and not is_allowed(client_address, key.allow_addresses):
        return RelayError(
            ErrorCode.ADDRESS_NOT_ALLOWED, 403, "The API key may not be used from this address."
        )
    return None
