"""Control's HTTP surface."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from services.control.api.channel_health import ChannelHealthApi
from services.control.api.channels import ChannelsApi
from services.control.api.groups import GroupsApi
from services.control.api.internal import InternalApi
from services.control.api.limits import LimitsApi
from services.control.api.models import ModelsApi
from services.control.api.own_account import OwnAccountApi
from services.control.api.projects import ProjectsApi
from services.control.api.providers import ProvidersApi
from services.control.api.sessions import SessionsApi
from services.control.api.tokens import TokensApi
from services.control.api.users import UsersApi
from services.control.api.workspaces import WorkspacesApi

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ID = r"{id:[0-9]{1,19}}"
_CREDENTIAL = r"{credential_id:[0-9]{1,19}}"
_NAME = "{name:.+}"


class Apis(NamedTuple):
    """The handlers of each area."""

    sessions: SessionsApi
    users: UsersApi
    tokens: TokensApi
    channels: ChannelsApi
    models: ModelsApi
    own_account: OwnAccountApi
    workspaces: WorkspacesApi
    projects: ProjectsApi
    providers: ProvidersApi
    groups: GroupsApi
    limits: LimitsApi
    channel_health: ChannelHealthApi


def api_routes(apis: Apis) -> list[web.RouteDef]:
    """`/api/*`, on the port that the relay forwards to."""
    sessions, users, tokens, channels, models, own, workspaces, projects, providers = apis[:9]
    groups, limits, health = apis.groups, apis.limits, apis.channel_health
    table: list[tuple[str, str, _Handler]] = [
        ("POST", "/api/user/login", sessions.log_in),
        ("GET", "/api/user/logout", sessions.log_out),
        ("POST", "/api/user/refresh", sessions.refresh),
        ("POST", "/api/user/logout_all", sessions.log_out_everywhere),
        ("GET", "/api/user/sessions", sessions.list),
        ("DELETE", f"/api/user/sessions/{_ID}", sessions.end),
        ("GET", "/api/user/self", own.read),
        ("PUT", "/api/user/self", own.change),
        ("GET", "/api/user/token", own.access_token),
        ("DELETE", "/api/user/token", own.drop_access_token),
        ("GET", "/api/user/search", users.list),
        ("GET", "/api/user/groups", groups.selectable),
        ("GET", "/api/user/self/groups", groups.selectable),
        ("GET", "/api/user/", users.list),
        ("POST", "/api/user/", users.create),
        ("PUT", "/api/user/", users.change),
        ("GET", f"/api/user/{_ID}", users.read),
        ("PUT", f"/api/user/{_ID}", users.change),
        ("DELETE", f"/api/user/{_ID}", users.delete),
        ("POST", f"/api/user/{_ID}/unlock", users.unlock),
        ("GET", "/api/workspace/", workspaces.list),
        ("GET", f"/api/workspace/{_ID}", workspaces.read),
        ("PUT", "/api/workspace/", workspaces.change),
        ("PUT", f"/api/workspace/{_ID}", workspaces.change),
        ("GET", "/api/project/", projects.list),
        ("POST", "/api/project/", projects.create),
        ("PUT", "/api/project/", projects.change),
        ("GET", f"/api/project/{_ID}", projects.read),
        ("PUT", f"/api/project/{_ID}", projects.change),
        ("DELETE", f"/api/project/{_ID}", projects.delete),
        ("GET", "/api/provider/", providers.list),
        ("POST", "/api/provider/", providers.create),
        ("PUT", "/api/provider/", providers.change),
        ("GET", f"/api/provider/{_ID}", providers.read),
        ("PUT", f"/api/provider/{_ID}", providers.change),
        ("DELETE", f"/api/provider/{_ID}", providers.delete),
        ("GET", "/api/token/", tokens.list),
        ("POST", "/api/token/", tokens.create),
        ("PUT", "/api/token/", tokens.change),
        ("GET", "/api/token/search", tokens.search),
        ("GET", f"/api/token/{_ID}", tokens.read),
        ("PUT", f"/api/token/{_ID}", tokens.change),
        ("DELETE", f"/api/token/{_ID}", tokens.delete),
        ("POST", f"/api/token/{_ID}/rotate", tokens.rotate),
        ("GET", "/api/channel/", channels.list),
        ("POST", "/api/channel/", channels.create),
        ("PUT", "/api/channel/", channels.change),
        ("GET", f"/api/channel/{_ID}", channels.read),
        ("PUT", f"/api/channel/{_ID}", channels.change),
        ("DELETE", f"/api/channel/{_ID}", channels.delete),
        ("GET", f"/api/channel/test/{_ID}", health.test),
        ("POST", f"/api/channel/{_ID}/reset", health.reset),
        ("POST", f"/api/channel/{_ID}/credentials", health.add_credentials),
        ("PUT", f"/api/channel/{_ID}/credentials/{_CREDENTIAL}", health.change_credential),
        (
            "DELETE",
            f"/api/channel/{_ID}/credentials/{_CREDENTIAL}",
            health.delete_credential,
        ),
        ("GET", "/api/models/", models.list),
        ("POST", "/api/models/", models.create),
        ("PUT", f"/api/models/{_NAME}", models.change),
        ("DELETE", f"/api/models/{_NAME}", models.delete),
        ("GET", "/api/group/", groups.list),
        ("POST", "/api/group/", groups.create),
        ("PUT", "/api/group/", groups.change),
        ("GET", f"/api/group/{_NAME}", groups.read),
        ("PUT", f"/api/group/{_NAME}", groups.change),
        ("DELETE", f"/api/group/{_NAME}", groups.delete),
        ("GET", "/api/workspace/limits/", limits.list),
        ("POST", "/api/workspace/limits/", limits.create),
        ("PUT", "/api/workspace/limits/", limits.change),
        ("GET", f"/api/workspace/limits/{_ID}", limits.read),
        ("PUT", f"/api/workspace/limits/{_ID}", limits.change),
        ("DELETE", f"/api/workspace/limits/{_ID}", limits.delete),
    ]
    # Tools write a collection with and without the slash at its end.
    bare = [(method, path[:-1], handler) for method, path, handler in table if path[-1] == "/"]
    return [web.route(method, path, handler) for method, path, handler in (*table, *bare)]


def internal_routes(internal: InternalApi) -> list[web.RouteDef]:
    """`/internal/*`, on the second port, for holders of a service credential."""
    return [
        web.get("/internal/assertion-keys", internal.assertion_keys),
        web.post("/internal/authenticate", internal.authenticate),
        web.get(r"/internal/keys/{key_hash:[0-9a-f]{64}}", internal.key),
        web.get(r"/internal/key-terms/{key_id:[0-9]{1,18}}", internal.key_terms),
    ]
