"""What the handlers read from requests: bounded like the events that it ends in."""

from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from shared.events.numbers import MAX_ID
from shared.http.assertions import Caller
from shared.http.callers import admin_of
from shared.http.envelope import EnvelopeError

_SAFE: Final = r"^[^\x00-\x1f\x7f]*$"
_MAX_NAME: Final = 128
_MAX_PAGE: Final = 1_000
_MAX_SIZE: Final = 100

Named = Annotated[str, StringConstraints(min_length=1, max_length=_MAX_NAME, pattern=_SAFE)]
Note = Annotated[str, StringConstraints(max_length=256, pattern=_SAFE)]
RowId = Annotated[int, Field(ge=1, le=MAX_ID)]


class Body(BaseModel):
    """Base of the bodies and queries."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Paging(Body):
    """The query of a list. A size above 100 is 100; pages beyond the thousandth need a key."""

    p: Annotated[int, Field(ge=0, le=_MAX_PAGE)] = 1
    page_size: Annotated[
        int, Field(ge=1, le=2**31, validation_alias=AliasChoices("page_size", "ps", "size"))
    ] = 20

    @property
    def limit(self) -> int:
        """Rows of a page."""
        return min(self.page_size, _MAX_SIZE)

    @property
    def offset(self) -> int:
        """Rows before the page; page 0 is page 1 too."""
        return (max(1, self.p) - 1) * self.limit

    def answer(self, items: list[dict[str, Any]], total: int) -> dict[str, Any]:
        """A page as it is answered."""
        page = max(1, self.p)
        return {"items": items, "total": total, "page": page, "page_size": self.limit}


def path_name(request: web.Request) -> str:
    """The model or group that the path names. Raises EnvelopeError where none can be called so."""
    name = request.match_info["name"]
    if len(name) > _MAX_NAME or not name.isprintable():
        raise EnvelopeError("nothing can have this name")
    return name


def workspace_to_read(request: web.Request, caller: Caller, asked: int | None) -> int:
    """The caller's own workspace; an admin may ask for another. Raises EnvelopeError 403."""
    if asked is None or asked == caller.workspace_id:
        return caller.workspace_id
    admin_of(request)
    return asked
