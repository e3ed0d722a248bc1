"""From an admin's, a user's or the system's own action to its log row. Pure."""

from typing import Final

from services.logging.rows.rows import LogRow, LogType, json_text
from shared.events.audit import ActionTaken
from shared.events.ids import event_uuid

SYSTEM_ACTIONS: Final = frozenset({"channel.health"})
"""Actions that nobody takes: the gateway itself does, for a reason that it found."""


def action_row(event_id: str, action: ActionTaken) -> LogRow:
    """Management, or system. The row belongs to who acted; what was changed only admins see."""
    is_systems = action.action in SYSTEM_ACTIONS
    return LogRow(
        event_id=event_uuid(event_id),
        workspace_id=action.workspace_id,
        user_id=action.actor_user_id,
        created_at=int(action.taken_at.timestamp()),
        type=int(LogType.SYSTEM if is_systems else LogType.MANAGEMENT),
        content=f"{action.action} on {action.resource_type} {action.resource_id}",
        username=action.actor_name,
        ip=action.client_address,
        request_id=action.request_id,
        other=json_text(
            {
                "action": action.action,
                "resource_type": action.resource_type,
                "resource_id": action.resource_id,
                "admin_info": {"changes": action.changes, "user_agent": action.user_agent},
            }
        ),
    )
