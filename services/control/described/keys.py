"""What the documentation says of keys, projects and limits."""

from typing import Final

from services.control import shapes
from services.control.api.limits import LimitChanges, NewLimit, OfWorkspace
from services.control.api.projects import NewProject, ProjectChanges, ProjectFilters
from services.control.api.tokens import KeyChanges, KeySearch, NewKey, Rotation
from services.control.paging import Paging
from shared.http.described import Described, Page, Who

CALLS: Final = (
    Described(
        method="GET",
        path="/api/token/",
        summary="One's API keys, masked",
        who=Who.USER,
        query=Paging,
        data=Page[shapes.Key],
    ),
    Described(
        method="POST",
        path="/api/token/",
        summary="Make a key; this answer is the only one that shows it",
        who=Who.USER,
        body=NewKey,
        data=shapes.Key,
    ),
    Described(
        method="PUT",
        path="/api/token/",
        summary="Change the key that the body names",
        who=Who.USER,
        body=KeyChanges,
        data=shapes.Key,
    ),
    Described(
        method="GET",
        path="/api/token/{id}",
        summary="One key",
        who=Who.USER,
        data=shapes.Key,
    ),
    Described(
        method="PUT",
        path="/api/token/{id}",
        summary="Change a key",
        who=Who.USER,
        body=KeyChanges,
        data=shapes.Key,
    ),
    Described(
        method="DELETE",
        path="/api/token/{id}",
        summary="Delete a key",
        who=Who.USER,
    ),
    Described(
        method="GET",
        path="/api/token/search",
        summary="One's keys, by a keyword",
        who=Who.USER,
        query=KeySearch,
        data=Page[shapes.Key],
    ),
    Described(
        method="POST",
        path="/api/token/{id}/rotate",
        summary="A new secret; the old one may have a period of grace",
        who=Who.USER,
        body=Rotation,
        data=shapes.Key,
    ),
    Described(
        method="GET",
        path="/api/project/",
        summary="Projects of a workspace",
        who=Who.USER,
        query=ProjectFilters,
        data=Page[shapes.Project],
    ),
    Described(
        method="POST",
        path="/api/project/",
        summary="Make a project",
        who=Who.USER,
        body=NewProject,
        data=shapes.Project,
    ),
    Described(
        method="PUT",
        path="/api/project/",
        summary="Change the project that the body names",
        who=Who.USER,
        body=ProjectChanges,
        data=shapes.Project,
    ),
    Described(
        method="GET",
        path="/api/project/{id}",
        summary="One project",
        who=Who.USER,
        data=shapes.Project,
    ),
    Described(
        method="PUT",
        path="/api/project/{id}",
        summary="Change a project",
        who=Who.USER,
        body=ProjectChanges,
        data=shapes.Project,
    ),
    Described(
        method="DELETE",
        path="/api/project/{id}",
        summary="Delete a project",
        who=Who.USER,
    ),
    Described(
        method="GET",
        path="/api/workspace/limits/",
        summary="A workspace's limits",
        who=Who.USER,
        query=Paging,
        data=Page[shapes.Limit],
    ),
    Described(
        method="POST",
        path="/api/workspace/limits/",
        summary="Make a limit",
        who=Who.USER,
        query=OfWorkspace,
        body=NewLimit,
        data=shapes.Limit,
    ),
    Described(
        method="PUT",
        path="/api/workspace/limits/",
        summary="Change the limit that the body names",
        who=Who.USER,
        query=OfWorkspace,
        body=LimitChanges,
        data=shapes.Limit,
    ),
    Described(
        method="GET",
        path="/api/workspace/limits/{id}",
        summary="One limit",
        who=Who.USER,
        query=OfWorkspace,
        data=shapes.Limit,
    ),
    Described(
        method="PUT",
        path="/api/workspace/limits/{id}",
        summary="Change a limit",
        who=Who.USER,
        query=OfWorkspace,
        body=LimitChanges,
        data=shapes.Limit,
    ),
    Described(
        method="DELETE",
        path="/api/workspace/limits/{id}",
        summary="Delete a limit",
        who=Who.USER,
        query=OfWorkspace,
    ),
)
