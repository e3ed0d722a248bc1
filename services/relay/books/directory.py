"""Users, workspaces and projects by id, from `control.directory`."""

from shared.events.directory import ProjectChanged, UserChanged, WorkspaceChanged


class DirectoryBook:
    """Names, groups and status. Nothing here is a secret."""

    def __init__(self) -> None:
        self.users: dict[int, UserChanged] = {}
        self.workspaces: dict[int, WorkspaceChanged] = {}
        self.projects: dict[int, ProjectChanged] = {}
        self.generation = 0
        """Goes up with every change: what was derived from the book holds for one generation."""

    def put_user(self, user: UserChanged) -> None:
        """The newest state of a user."""
        self.users[user.user_id] = user
        self.generation += 1

    def put_workspace(self, workspace: WorkspaceChanged) -> None:
        """The newest state of a workspace."""
        self.workspaces[workspace.workspace_id] = workspace
        self.generation += 1

    def put_project(self, project: ProjectChanged) -> None:
        """The newest state of a project."""
        self.projects[project.project_id] = project
        self.generation += 1

    def forget(self, key: str) -> None:
        """A tombstone of `user:<id>`, `workspace:<id>` or `project:<id>`."""
        kind, _, number = key.partition(":")
        if not number.isdigit():
            return
        if kind == "user":
            self.users.pop(int(number), None)
        elif kind == "workspace":
            self.workspaces.pop(int(number), None)
        elif kind == "project":
            self.projects.pop(int(number), None)
        self.generation += 1
