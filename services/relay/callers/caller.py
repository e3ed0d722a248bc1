"""A known key and whose it is, with what every request of it would else work out again."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.relay.limits.unlimited import is_unlimited
from services.relay.recording.event_json import members
from shared.events.directory import UserChanged, WorkspaceChanged
from shared.events.keys import KeyChanged
from shared.events.routing import Status

if TYPE_CHECKING:
    from services.relay.admission import Offer


@dataclass(slots=True, kw_only=True, eq=False)
class ApiCaller:
    """Made anew when its key, user, workspace or project changes."""

    key: KeyChanged
    user: UserChanged
    workspace: WorkspaceChanged
    project_name: str | None
    group: str
    """The group that its requests use: the key's own, else the user's."""
    subjects: tuple[str, ...] = field(init=False)
    """What must cover a request, the narrower first: who waits for it holds nothing of the rest."""
    is_unconditional: bool = field(init=False)
    """Its key may be used at any time and from anywhere, as long as nothing of it changes."""
    has_limits: bool = field(init=False)
    """Its key has limits of its own."""
    event_json: str = field(init=False)
    """Its part of an event: members of a JSON object, without braces."""
    offers: "dict[str, Offer]" = field(init=False, default_factory=dict)
    """By model, what `Admission` has worked out for it."""

    def __post_init__(self) -> None:
        key, workspace = self.key, self.workspace
        account = f"account:{workspace.workspace_id}"
        self.subjects = (account,) if key.unlimited_quota else (f"key:{key.key_id}", account)
        self.is_unconditional = (
            key.status is Status.ENABLED
            and not key.is_deleted
            and key.expires_at is None
            and not key.allow_addresses
            and self.user.status is Status.ENABLED
            and not self.user.is_deleted
            and workspace.status is Status.ENABLED
            and not workspace.is_deleted
        )
        self.has_limits = not is_unlimited(key.limits)
        self.event_json = members(
            {
                "workspace_id": key.workspace_id,
                "workspace_name": workspace.name,
                "project_id": key.project_id,
                "project_name": self.project_name,
                "key_id": key.key_id,
                "key_name": key.name,
                "user_id": key.user_id,
                "username": self.user.username,
                "user_group": self.user.group,
            }
        )
