"""What all handlers of `/api/*` read from a request."""

from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.control.audit import Actor
from services.control.fields import Named, RowId
from shared.http.callers import admin_of, user_of
from shared.http.envelope import EnvelopeError

_ID: Final[TypeAdapter[int]] = TypeAdapter(RowId)
_NAME: Final[TypeAdapter[str]] = TypeAdapter(Named)


class Body(BaseModel):
    """Base of request bodies. Fields that are not known are left out, as tools send many."""

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True)

    def given(self, *leaving_out: str) -> dict[str, Any]:
        """The fields that the caller named."""
        return self.model_dump(exclude_unset=True, exclude=set(leaving_out))

    def named(self, *leaving_out: str) -> dict[str, Any]:
        """The fields that the caller gave a value: a null is as good as not named."""
        given = self.given(*leaving_out)
        return {name: value for name, value in given.items() if value is not None}


def person(request: web.Request) -> Actor:
    """The caller, a person. Raises EnvelopeError 401 or 403."""
    return Actor.from_request(request, user_of(request))


def admin(request: web.Request) -> Actor:
    """The caller, an admin. Raises EnvelopeError 401 or 403."""
    return Actor.from_request(request, admin_of(request))


def path_id(request: web.Request, *, or_body: int | None = None) -> int:
    """The id in the path, or else the body's. Raises EnvelopeError where there is none."""
    raw = request.match_info.get("id", or_body)
    try:
        return _ID.validate_python(raw)
    except ValidationError:
        raise EnvelopeError("an id is needed") from None


def path_name(request: web.Request) -> str:
    """The name in the path. Raises EnvelopeError where it cannot be one."""
    try:
        return _NAME.validate_python(request.match_info["name"])
    except ValidationError:
        raise EnvelopeError("this cannot be a name") from None
