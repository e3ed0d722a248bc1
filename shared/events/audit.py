"""`audit.actions`: what people with rights did."""

from pydantic import Field

from shared.events.event import Event
from shared.events.numbers import Id, Time
from shared.events.text import Address, Code, Line, Name


class ActionTaken(Event):
    """One action of one person. Values of secrets are never in it."""

    TYPE = "ledgerline.action.taken.v1"

    action_id: Code
    workspace_id: Id
    """The workspace acted on; the actor's own where the action is on the whole site."""
    actor_user_id: Id
    actor_name: Name
    action: Code
    """Such as `channel.create`."""
    resource_type: Code
    resource_id: Code
    changes: dict[Code, Line] = Field(default_factory=dict, max_length=32)
    """Field to new value; for a secret the word `changed`."""
    client_address: Address = ""
    user_agent: Line = ""
    request_id: Code = ""
    taken_at: Time
