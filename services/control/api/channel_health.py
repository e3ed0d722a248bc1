"""`/api/channel/{id}/credentials`, `/reset` and `/api/channel/test/{id}`, for admins."""

from functools import partial
from typing import Annotated

import asyncpg
from aiohttp import web
from pydantic import Field, TypeAdapter, ValidationError

from services.control.api.requests import Body, admin, path_id
from services.control.channels.channel_credentials import (
    MAX_CREDENTIALS,
    add_credentials,
    remove_credential,
    reset_channel,
    set_credential_status,
)
from services.control.channels.channel_testing import ChannelTests
from services.control.channels.channels import Channels
from services.control.channels.store_channels import public_channel
from services.control.fields import Named, ProviderKey, RowId, SettableStatus
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction

_CREDENTIAL_ID = TypeAdapter(RowId)
Keys = Annotated[list[ProviderKey], Field(min_length=1, max_length=MAX_CREDENTIALS)]


class GivenKeys(Body):
    """One key or several, in clear. No answer shows them."""

    key: ProviderKey | None = None
    keys: Keys | None = None

    def in_clear(self) -> list[str]:
        """All of them; empty where none was given."""
        given = [*([self.key] if self.key is not None else []), *(self.keys or [])]
        return [key.get_secret_value() for key in given]


class NewStatus(Body):
    """On or off."""

    status: SettableStatus


class TestQuery(Body):
    """With which model and credential."""

    model: Named | None = None
    credential_id: RowId | None = None


class ChannelHealthApi:
    """Handlers. All but the test answer the channel as it is now."""

    def __init__(self, *, pool: asyncpg.Pool, channels: Channels, tests: ChannelTests) -> None:
        self._pool = pool
        self._channels = channels
        self._tests = tests

    async def add_credentials(self, request: web.Request) -> web.Response:
        """Further keys."""
        actor, channel_id = admin(request), path_id(request)
        keys = (await read_body(request, GivenKeys)).in_clear()
        if not keys:
            raise EnvelopeError("a key is needed")
        work = partial(
            add_credentials, actor=actor, channels=self._channels, channel_id=channel_id, keys=keys
        )
        return succeed(public_channel(await in_transaction(self._pool, work)))

    async def change_credential(self, request: web.Request) -> web.Response:
        """Switch one on or off."""
        actor, channel_id = admin(request), path_id(request)
        body = await read_body(request, NewStatus)
        work = partial(
            set_credential_status,
            actor=actor,
            channel_id=channel_id,
            credential_id=_credential_id(request),
            status=body.status,
        )
        return succeed(public_channel(await in_transaction(self._pool, work)))

    async def delete_credential(self, request: web.Request) -> web.Response:
        """Remove one for good."""
        actor, channel_id = admin(request), path_id(request)
        work = partial(
            remove_credential,
            actor=actor,
            channel_id=channel_id,
            credential_id=_credential_id(request),
        )
        return succeed(public_channel(await in_transaction(self._pool, work)))

    async def reset(self, request: web.Request) -> web.Response:
        """An admin's word that the channel is well."""
        actor, channel_id = admin(request), path_id(request)
        work = partial(reset_channel, actor=actor, channel_id=channel_id)
        return succeed(public_channel(await in_transaction(self._pool, work)))

    async def test(self, request: web.Request) -> web.Response:
        """One tiny request to the provider. `success` says whether it was answered.

        `time` is in seconds, beside the envelope, as existing tools read it.
        """
        actor, channel_id = admin(request), path_id(request)
        query = read_query(request, TestQuery)
        tested = await self._tests.run(
            actor, channel_id, model=query.model, credential_id=query.credential_id
        )
        code = tested.result.error_code
        time_s = round(tested.result.duration_s, 3)
        return web.json_response(
            {
                "success": code is None,
                "message": "" if code is None else f"the provider did not answer: {code.value}",
                "time": time_s,
                "data": {
                    "credential_id": tested.credential_id,
                    "model": tested.model,
                    "error_code": None if code is None else code.value,
                    "http_status": tested.result.http_status,
                    "time_s": time_s,
                },
            }
        )


def _credential_id(request: web.Request) -> int:
    try:
        return _CREDENTIAL_ID.validate_python(request.match_info["credential_id"])
    except ValidationError:
        raise EnvelopeError("an id is needed") from None
