"""From an admin's or a user's action to its log row. Pure."""

from services.logging.rows import LogRow, LogType, json_text
from shared.events.audit import ActionTaken
from shared.events.ids import event_uuid


def action_row(event_id: str, action: ActionTaken) -> LogRow:
    """The row belongs to the person who acted; what was changed only admins see."""
    return LogRow(
        event_id=event_uuid(event_id),
        workspace_id=action.workspace_id,
        user_id=action.actor_user_id,
        created_at=int(action.taken_at.timestamp()),
        type=int(LogType.MANAGEMENT),
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
