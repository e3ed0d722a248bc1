"""Pages of lists: `?p=&page_size=`, and the other names that tools use for the size."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

_MAX_PAGE: Final = 1_000_000
_MAX_SIZE: Final = 100


class Paging(BaseModel):
    """The query of a list. A size above 100 is 100."""

    model_config = ConfigDict(hide_input_in_errors=True)

    p: Annotated[int, Field(ge=0, le=_MAX_PAGE)] = 1
    page_size: Annotated[
        int,
        Field(ge=1, le=2**31, validation_alias=AliasChoices("page_size", "ps", "size")),
    ] = 20

    @property
    def page(self) -> int:
        """From 1; 0 is 1 too."""
        return max(1, self.p)

    @property
    def limit(self) -> int:
        """Rows of a page."""
        return min(self.page_size, _MAX_SIZE)

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.page - 1) * self.limit

    def answer(self, items: Sequence[dict[str, Any]], total: int) -> dict[str, Any]:
        """A page as it is answered."""
        return {"items": items, "total": total, "page": self.page, "page_size": self.limit}
