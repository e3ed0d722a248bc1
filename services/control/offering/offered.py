"""The models that the site offers. Within the caller's transaction.

A change is a mapping of column to value; what is not in it stays.
"""

from typing import Any

from services.control.audit import Actor, record_action
from services.control.errors import not_found
from services.control.offering.store_groups import require_groups
from services.control.offering.store_models import (
    delete_model,
    insert_model,
    read_model,
    update_model,
)
from services.control.state.state import announce
from services.control.state.state_keys import ROUTING, model_key
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection


async def add_model(connection: Connection, actor: Actor, name: str, model: dict[str, Any]) -> None:
    """A model that clients may name from now on."""
    await require_groups(connection, model["groups"])
    if not await insert_model(connection, name, model):
        raise EnvelopeError("there is a model of this name")
    await announce(connection, ROUTING, [model_key(name)])
    await record_action(connection, actor, "model.create", resource_id=name, changes=model)


async def change_model(
    connection: Connection, actor: Actor, name: str, changes: dict[str, Any]
) -> None:
    """Set what `changes` holds."""
    row = await read_model(connection, name, lock=True)
    if row is None:
        raise not_found("model")
    model = {**dict(row), **changes}
    await require_groups(connection, model["groups"])
    await update_model(connection, name, model)
    await announce(connection, ROUTING, [model_key(name)])
    await record_action(connection, actor, "model.update", resource_id=name, changes=changes)


async def remove_model(connection: Connection, actor: Actor, name: str) -> None:
    """Take a model out. Channels go on naming it, and it is served again when it is made again."""
    if not await delete_model(connection, name):
        raise not_found("model")
    await announce(connection, ROUTING, [model_key(name)])
    await record_action(connection, actor, "model.delete", resource_id=name)
