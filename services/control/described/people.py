"""What the documentation says of sessions, users and workspaces."""

from typing import Final

from services.control import shapes
from services.control.api.own_account import OwnChanges
from services.control.api.sessions import LoginBody, RefreshBody
from services.control.api.users import NewUserBody, UserChanges, UserFilters
from services.control.api.workspaces import WorkspaceChanges
from services.control.paging import Paging
from shared.http.described import Described, Page, Who

CALLS: Final = (
    Described(
        method="POST",
        path="/api/user/login",
        summary="Log in; answers a session token and a refresh token, in cookies too",
        who=Who.ANYONE,
        body=LoginBody,
        data=shapes.LoggedIn,
    ),
    Described(
        method="POST",
        path="/api/user/refresh",
        summary="Exchange a refresh token for new tokens; a reused one ends them all",
        who=Who.ANYONE,
        body=RefreshBody,
        statuses=("401",),
        data=shapes.SessionTokens,
    ),
    Described(
        method="GET",
        path="/api/user/logout",
        summary="End the session that is shown",
        who=Who.USER,
    ),
    Described(
        method="POST",
        path="/api/user/logout_all",
        summary="End all of one's sessions",
        who=Who.USER,
        data=shapes.SessionsEnded,
    ),
    Described(
        method="GET",
        path="/api/user/sessions",
        summary="One's sessions",
        who=Who.USER,
        query=Paging,
        data=Page[shapes.Session],
    ),
    Described(
        method="DELETE",
        path="/api/user/sessions/{id}",
        summary="End one of one's sessions",
        who=Who.USER,
    ),
    Described(
        method="GET",
        path="/api/user/self",
        summary="Oneself, with quota and use",
        who=Who.USER,
        data=shapes.User,
    ),
    Described(
        method="PUT",
        path="/api/user/self",
        summary="Change the own profile, or the password",
        who=Who.USER,
        body=OwnChanges,
        data=shapes.User,
    ),
    Described(
        method="GET",
        path="/api/user/token",
        summary="A new access token in place of the old one, shown once",
        who=Who.USER,
        data=str,
    ),
    Described(
        method="DELETE",
        path="/api/user/token",
        summary="Take the access token away",
        who=Who.USER,
    ),
    Described(
        method="GET",
        path="/api/user/groups",
        summary="The groups that one's keys may have",
        who=Who.USER,
        data=dict[str, shapes.GroupOffered],
    ),
    Described(
        method="GET",
        path="/api/user/self/groups",
        summary="The same, as tools call it",
        who=Who.USER,
        data=dict[str, shapes.GroupOffered],
    ),
    Described(
        method="GET",
        path="/api/user/",
        summary="Users",
        who=Who.ADMIN,
        query=UserFilters,
        data=Page[shapes.ManagedUser],
    ),
    Described(
        method="GET",
        path="/api/user/search",
        summary="Users, by a keyword",
        who=Who.ADMIN,
        query=UserFilters,
        data=Page[shapes.ManagedUser],
    ),
    Described(
        method="POST",
        path="/api/user/",
        summary="A user, with a personal workspace",
        who=Who.ADMIN,
        body=NewUserBody,
        data=shapes.ManagedUser,
    ),
    Described(
        method="PUT",
        path="/api/user/",
        summary="Change the user that the body names",
        who=Who.ADMIN,
        body=UserChanges,
        data=shapes.ManagedUser,
    ),
    Described(
        method="GET",
        path="/api/user/{id}",
        summary="One user",
        who=Who.ADMIN,
        data=shapes.ManagedUser,
    ),
    Described(
        method="PUT",
        path="/api/user/{id}",
        summary="Change a user; a disabled one loses all sessions",
        who=Who.ADMIN,
        body=UserChanges,
        data=shapes.ManagedUser,
    ),
    Described(
        method="DELETE",
        path="/api/user/{id}",
        summary="Delete a user: keys are refused, sessions end",
        who=Who.ADMIN,
    ),
    Described(
        method="POST",
        path="/api/user/{id}/unlock",
        summary="Let a locked-out user try again",
        who=Who.ADMIN,
        data=shapes.ManagedUser,
    ),
    Described(
        method="GET",
        path="/api/workspace/",
        summary="One's workspaces",
        who=Who.USER,
        query=Paging,
        data=Page[shapes.Workspace],
    ),
    Described(
        method="GET",
        path="/api/workspace/{id}",
        summary="One of them",
        who=Who.USER,
        data=shapes.Workspace,
    ),
    Described(
        method="PUT",
        path="/api/workspace/",
        summary="Change the workspace that the body names: its name, its time zone",
        who=Who.USER,
        body=WorkspaceChanges,
        data=shapes.Workspace,
    ),
    Described(
        method="PUT",
        path="/api/workspace/{id}",
        summary="Change the workspace that the path names",
        who=Who.USER,
        body=WorkspaceChanges,
        data=shapes.Workspace,
    ),
)
