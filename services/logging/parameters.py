"""What the query strings of `/api/requests` and `/api/usage` have in common. Pure."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

DEFAULT_PAGE_SIZE: Final = 20
MAX_PAGE_SIZE: Final = 100
MAX_TIMESTAMP: Final = 10**11
"""Unix seconds lie far below; what lies above is in milliseconds, and would delete everything."""

UnixSeconds = Annotated[int | None, Field(ge=0, le=MAX_TIMESTAMP)]


class Parameters(BaseModel):
    """What a query string may have; the rest of it is passed over."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _given(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """An empty parameter is one that was not given: forms send every field."""
        return {
            name: value
            for name, value in parameters.items()
            if not isinstance(value, str) or value.strip()
        }


def page_size_of(asked: int | None) -> int:
    """How many a page has: at most MAX_PAGE_SIZE, and as usual where fewer than one is asked."""
    return min(asked if asked and asked > 0 else DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
