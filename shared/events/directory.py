"""`control.directory`: users, workspaces, projects and keys by id, without secrets."""

from enum import IntEnum

from shared.events.event import Event
from shared.events.numbers import Count, Id, QuotaUnits
from shared.events.routing import Status
from shared.events.text import Code, Line, Name


class Role(IntEnum):
    """What a user may do on the site, as in the source's `users.role`."""

    USER = 1
    ADMIN = 10
    ROOT = 100


class UserChanged(Event):
    """Key `user:<id>`."""

    TYPE = "ledgerline.user.changed.v1"

    user_id: Id
    username: Name
    display_name: Name = ""
    role: Role
    status: Status
    group: Name
    personal_workspace_id: Id
    is_deleted: bool = False


class WorkspaceChanged(Event):
    """Key `workspace:<id>`. A workspace has one billing account, of the same id."""

    TYPE = "ledgerline.workspace.changed.v1"

    workspace_id: Id
    name: Name
    slug: Code
    owner_user_id: Id
    status: Status
    is_deleted: bool = False
    timezone: Line = "UTC"
    """An IANA name: where its days, weeks and months begin."""


class ProjectChanged(Event):
    """Key `project:<id>`."""

    TYPE = "ledgerline.project.changed.v1"

    project_id: Id
    workspace_id: Id
    name: Name
    is_deleted: bool = False


class KeyListed(Event):
    """A key by its id. Key `key:<id>`."""

    TYPE = "ledgerline.key.listed.v1"

    key_id: Id
    name: Name
    workspace_id: Id
    project_id: Id | None = None
    user_id: Id
    status: Status
    unlimited_quota: bool = True
    remain_quota: QuotaUnits = 0
    """What the key may spend from the moment on at which billing learns of `quota_version`: its
    limit is then what it has used and this. 500,000 is $1. Unused where `unlimited_quota`."""
    quota_version: Count = 0
    """Grows with each setting of `unlimited_quota` or `remain_quota`; each is applied once."""
    is_deleted: bool = False
