"""What the documentation says of models and groups."""

from typing import Final

from services.control import shapes
from services.control.api.groups import GroupChanges, GroupListQuery, NewGroup
from services.control.api.models import ModelChanges, NewModel
from services.control.paging import Paging
from shared.http.described import Described, Page, Who

NAME: Final = (("name", r"^[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,127}$"),)

CALLS: Final = (
    Described(
        method="GET",
        path="/api/models/",
        summary="Models",
        who=Who.ADMIN,
        query=Paging,
        data=Page[shapes.Model],
    ),
    Described(
        method="POST",
        path="/api/models/",
        summary="Offer a model",
        who=Who.ADMIN,
        body=NewModel,
        data=shapes.Model,
    ),
    Described(
        method="PUT",
        path="/api/models/{name}",
        summary="Change a model",
        who=Who.ADMIN,
        body=ModelChanges,
        data=shapes.Model,
        path_types=NAME,
    ),
    Described(
        method="DELETE",
        path="/api/models/{name}",
        summary="Take a model away",
        who=Who.ADMIN,
        path_types=NAME,
    ),
    Described(
        method="GET",
        path="/api/group/",
        summary="The names of the groups; with `details` a page of them",
        who=Who.ADMIN,
        query=GroupListQuery,
        data=list[str] | Page[shapes.Group],
    ),
    Described(
        method="POST",
        path="/api/group/",
        summary="Make a group",
        who=Who.ADMIN,
        body=NewGroup,
        data=shapes.Group,
    ),
    Described(
        method="PUT",
        path="/api/group/",
        summary="Change the group that the body names",
        who=Who.ADMIN,
        body=GroupChanges,
        data=shapes.Group,
    ),
    Described(
        method="GET",
        path="/api/group/{name}",
        summary="One group",
        who=Who.ADMIN,
        data=shapes.Group,
        path_types=NAME,
    ),
    Described(
        method="PUT",
        path="/api/group/{name}",
        summary="Change a group",
        who=Who.ADMIN,
        body=GroupChanges,
        data=shapes.Group,
        path_types=NAME,
    ),
    Described(
        method="DELETE",
        path="/api/group/{name}",
        summary="Delete a group that nobody uses",
        who=Who.ADMIN,
        path_types=NAME,
    ),
)
