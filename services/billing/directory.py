"""Workspaces as control tells of them, in memory: who may be topped up, and whose they are."""

from typing import NamedTuple

from shared.events.directory import WorkspaceChanged
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.kafka.records import Record
from shared.telemetry.logs import get_logger

_logger = get_logger()
_DECODER = Decoder([WorkspaceChanged])
_PREFIX = b"workspace:"


class Workspace(NamedTuple):
    """What billing needs of one."""

    name: str
    owner_user_id: int


class Directory:
    """Fed by the reader of `control.directory`."""

    def __init__(self) -> None:
        self._workspaces: dict[int, Workspace] = {}

    def workspace(self, workspace_id: int) -> Workspace | None:
        """The workspace; None where there is none, or it was deleted."""
        return self._workspaces.get(workspace_id)

    def apply(self, record: Record) -> None:
        """Take in one record; those of users, projects and keys are passed over."""
        if record.key is None or not record.key.startswith(_PREFIX):
            return
        if record.value is None:
            self._workspaces.pop(int(record.key[len(_PREFIX) :]), None)
            return
        try:
            event = _DECODER.decode(record.headers, record.value)
        except (UnknownEventError, MalformedEventError):
            _logger.error("directory.unreadable", offset=record.offset)
            return
        if not isinstance(event, WorkspaceChanged):
            return
        if event.is_deleted:
            self._workspaces.pop(event.workspace_id, None)
        else:
            self._workspaces[event.workspace_id] = Workspace(event.name, event.owner_user_id)
