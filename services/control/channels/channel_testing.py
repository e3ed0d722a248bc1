"""An admin's test of a channel. One that works counts for more than what relays found before."""

from functools import partial
from typing import Any, NamedTuple

import asyncpg
import orjson

from services.control.audit import Actor
from services.control.channels.channel_credentials import reset_channel
from services.control.channels.channel_probing import Prober, ProbeResult, probe_of
from services.control.channels.store_channels import credentials_of, read_channel
from services.control.errors import not_found
from shared.crypto.sealed import PROXY, CannotOpenError, ChannelKeyBox
from shared.events.routing import Status
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import in_transaction


class Tested(NamedTuple):
    """Which credential was tested with which model, and what came of it."""

    credential_id: int
    model: str
    result: ProbeResult


class ChannelTests:
    """Tests channels, disabled ones too: that is how they come back."""

    def __init__(self, *, pool: asyncpg.Pool, box: ChannelKeyBox, prober: Prober) -> None:
        self._pool = pool
        self._box = box
        self._prober = prober

    async def run(
        self, actor: Actor, channel_id: int, *, model: str | None, credential_id: int | None
    ) -> Tested:
        """One request. Without `credential_id`: the first that is enabled, else the first.

        Raises EnvelopeError where there is no such channel, credential or model of it.
        """
        row = await read_channel(self._pool, channel_id)
        if row is None:
            raise not_found("channel")
        credential = _chosen(credentials_of(row), credential_id)
        wanted = model or row["models"][0]
        if wanted not in row["models"]:
            raise EnvelopeError("the channel does not serve this model")
        sealed_proxy, proxy_url = row["proxy_url_ciphertext"], None
        try:
            key = self._box.open(credential["key_ciphertext"], channel_id=channel_id)
            if sealed_proxy is not None:
                proxy_url = self._box.open(sealed_proxy, channel_id=channel_id, part=PROXY)
        except CannotOpenError:
            raise EnvelopeError("the key cannot be opened: was the master key changed?") from None
        mapping = orjson.loads(row["model_mapping"])
        probe = probe_of(row["dialect"], model=mapping.get(wanted, wanted), key=key)
        result = await self._prober.send(row["base_url"], probe, proxy_url=proxy_url)
        if result.error_code is None:
            work = partial(
                reset_channel,
                actor=actor,
                channel_id=channel_id,
                credential_id=credential["id"],
            )
            await in_transaction(self._pool, work)
        return Tested(credential["id"], wanted, result)


def _chosen(credentials: list[dict[str, Any]], wanted: int | None) -> dict[str, Any]:
    if wanted is None:
        enabled = [one for one in credentials if one["status"] == Status.ENABLED]
        return (enabled or credentials)[0]
    for credential in credentials:
        if credential["id"] == wanted:
            return credential
    raise not_found("credential")
