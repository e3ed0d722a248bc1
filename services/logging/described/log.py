"""What the documentation says of the Log API."""

from typing import Final

from services.logging.api.retention import WorkspacePeriod
from services.logging.listing.filters import CleanUpQuery, ListQuery, PageQuery, SearchQuery
from services.logging.shapes import log as shapes
from shared.http.described import Described, Page, Who

CALLS: Final = (
    Described(
        method="GET",
        path="/api/log/",
        summary="All log rows, paged and filtered",
        who=Who.ADMIN,
        query=ListQuery,
        data=shapes.LogPage,
    ),
    Described(
        method="DELETE",
        path="/api/log/",
        summary="Delete the rows before a time; answers how many there were",
        who=Who.ADMIN,
        query=CleanUpQuery,
        data=int,
    ),
    Described(
        method="GET",
        path="/api/log/clean-ups",
        summary="What was ever deleted, the newest first, and how far it is",
        who=Who.ADMIN,
        query=PageQuery,
        data=Page[shapes.CleanUpShown],
    ),
    Described(
        method="GET",
        path="/api/log/clean-ups/{id}",
        summary="How far one clean-up is",
        who=Who.ADMIN,
        data=shapes.CleanUpShown,
    ),
    Described(
        method="GET",
        path="/api/log/retention",
        summary="How long rows are kept, and the workspaces that have a period of their own",
        who=Who.ADMIN,
        query=PageQuery,
        data=shapes.RetentionShown,
    ),
    Described(
        method="GET",
        path="/api/log/retention/{workspace_id}",
        summary="A workspace's own period",
        who=Who.ADMIN,
        data=shapes.WorkspacePeriodShown,
    ),
    Described(
        method="PUT",
        path="/api/log/retention/{workspace_id}",
        summary="Keep a workspace's rows for a shorter time than the site's",
        who=Who.ADMIN,
        body=WorkspacePeriod,
        data=shapes.WorkspacePeriodShown,
    ),
    Described(
        method="DELETE",
        path="/api/log/retention/{workspace_id}",
        summary="Keep a workspace's rows for as long as the site's",
        who=Who.ADMIN,
    ),
    Described(
        method="GET",
        path="/api/log/stat",
        summary="What was spent, and what goes on in this minute",
        who=Who.ADMIN,
        query=ListQuery,
        data=shapes.Stats,
    ),
    Described(
        method="GET",
        path="/api/log/search",
        summary="The newest rows with a keyword",
        who=Who.ADMIN,
        query=SearchQuery,
        data=list[shapes.LogRowShown],
    ),
    Described(
        method="GET",
        path="/api/log/explain/{request_id}",
        summary="One request: attempts, limits, holds, charge and trace",
        who=Who.ADMIN,
        data=shapes.Explained,
        path_types=(("request_id", r"^[^/\x00-\x1f\x7f]{1,256}$"),),
    ),
    Described(
        method="GET",
        path="/api/log/self",
        summary="One's own rows, paged and filtered",
        who=Who.USER,
        query=ListQuery,
        data=shapes.LogPage,
    ),
    Described(
        method="GET",
        path="/api/log/self/stat",
        summary="What one spent, and what one does in this minute",
        who=Who.USER,
        query=ListQuery,
        data=shapes.Stats,
    ),
    Described(
        method="GET",
        path="/api/log/self/search",
        summary="One's newest rows with a keyword",
        who=Who.USER,
        query=SearchQuery,
        data=list[shapes.LogRowShown],
    ),
    Described(
        method="GET",
        path="/api/log/token",
        summary="A key's own rows, from any site; the key as `?key=` or as a bearer",
        who=Who.ANYONE,
        data=list[shapes.LogRowShown],
    ),
)
