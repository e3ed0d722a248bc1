"""Control's directory as billing needs it: whose each workspace is, and what each key may spend."""

import sys
from collections.abc import Callable
from typing import Final, NamedTuple

from shared.events.directory import KeyListed, UserChanged, WorkspaceChanged
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.kafka.records import Record
from shared.telemetry.logs import get_logger

_logger = get_logger()
_DECODER: Final = Decoder([KeyListed, UserChanged, WorkspaceChanged])
_KEY: Final = b"key:"
_USER: Final = b"user:"
_WORKSPACE: Final = b"workspace:"
_READ: Final = (_KEY, _USER, _WORKSPACE)


class Workspace(NamedTuple):
    """What billing needs of one."""

    name: str
    owner_user_id: int


class Directory:
    """Fed by the reader of `control.directory`. People and workspaces are kept in memory.

    Keys are handed on to `on_key`, and are kept in the database.
    """

    def __init__(self, on_key: Callable[[KeyListed], None]) -> None:
        self._on_key = on_key
        self._workspaces: dict[int, Workspace] = {}
        self._personal_workspaces: dict[int, int] = {}
        self._groups: dict[int, str] = {}

    def workspace(self, workspace_id: int) -> Workspace | None:
        """The workspace; None where there is none, or it was deleted."""
        return self._workspaces.get(workspace_id)

    def personal_workspace(self, user_id: int) -> int | None:
        """The id of a user's own workspace; None where there is no such user, or it was deleted."""
        return self._personal_workspaces.get(user_id)

    def user_group(self, user_id: int) -> str | None:
        """The group that a user is in; None where there is no such user, or it was deleted."""
        return self._groups.get(user_id)

    def apply(self, record: Record) -> None:
        """Take in one record; those of projects are passed over."""
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
                self._workspaces[event.workspace_id] = Workspace(event.name, event.owner_user_id)
            case _:
                self._forget(record.key)

    def _forget(self, record_key: bytes) -> None:
        """A key is not forgotten: what it spent stays, and may come late."""
        kind, _, number = record_key.partition(b":")
        if kind == b"user":
            self._personal_workspaces.pop(int(number), None)
            self._groups.pop(int(number), None)
        elif kind == b"workspace":
            self._workspaces.pop(int(number), None)
