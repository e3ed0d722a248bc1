"""Control's directory as billing needs it: whose each workspace is, and what each key may spend."""

import sys
from collections.abc import Callable
from typing import Final, NamedTuple

from shared.events.directory import KeyListed, ProjectChanged, UserChanged, WorkspaceChanged
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.kafka.records import Record
from shared.telemetry.logs import get_logger

_logger = get_logger()
_DECODER: Final = Decoder([KeyListed, ProjectChanged, UserChanged, WorkspaceChanged])
_KEY: Final = b"key:"
_PROJECT: Final = b"project:"
_USER: Final = b"user:"
_WORKSPACE: Final = b"workspace:"
_READ: Final = (_KEY, _PROJECT, _USER, _WORKSPACE)


class Workspace(NamedTuple):
    """What billing needs of one."""

    name: str
    owner_user_id: int
    timezone: str = "UTC"


class Directory:
    """Fed by the reader of `control.directory`. All but keys are kept in memory.

    Keys are handed on to `on_key`, and are kept in the database.
    """

    def __init__(self, on_key: Callable[[KeyListed], None]) -> None:
        self._on_key = on_key
        self._workspaces: dict[int, Workspace] = {}
        self._personal_workspaces: dict[int, int] = {}
        self._groups: dict[int, str] = {}
        self._workspace_of_project: dict[int, int] = {}

    def workspace(self, workspace_id: int) -> Workspace | None:
        """The workspace; None where there is none, or it was deleted."""
        return self._workspaces.get(workspace_id)

    def personal_workspace(self, user_id: int) -> int | None:
        """The id of a user's own workspace; None where there is no such user, or it was deleted."""
        return self._personal_workspaces.get(user_id)

    def user_group(self, user_id: int) -> str | None:
        """The group that a user is in; None where there is no such user, or it was deleted."""
        return self._groups.get(user_id)

    def workspace_of_project(self, project_id: int) -> int | None:
        """Whose a project is; None where there is no such project, or it was deleted."""
        return self._workspace_of_project.get(project_id)

    def apply(self, record: Record) -> None:
        """Take in one record."""
        if record.key is None or not record.key.startswith(_READ):
            return
        if record.value is None:
            self._forget(record.key)
            return
        try:
            event = _DECODER.decode(record.headers, record.value)
        except (UnknownEventError, MalformedEventError):
            _logger.error("directory.unreadable", offset=record.offset)
            return
        match event:
            case KeyListed():
                self._on_key(event)
            case UserChanged(is_deleted=False):
                self._personal_workspaces[event.user_id] = event.personal_workspace_id
                self._groups[event.user_id] = sys.intern(event.group)
            case WorkspaceChanged(is_deleted=False):
                self._workspaces[event.workspace_id] = Workspace(
                    event.name, event.owner_user_id, event.timezone
                )
            case ProjectChanged(is_deleted=False):
                self._workspace_of_project[event.project_id] = event.workspace_id
            case _:
                self._forget(record.key)

    def _forget(self, record_key: bytes) -> None:
        """A key is not forgotten: what it spent stays, and may come late."""
        kind, _, number = record_key.partition(b":")
        if kind == b"user":
            self._personal_workspaces.pop(int(number), None)
            self._groups.pop(int(number), None)
        elif kind == b"project":
            self._workspace_of_project.pop(int(number), None)
        elif kind == b"workspace":
            self._workspaces.pop(int(number), None)
