"""What the documentation says of rating a past period again."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from services.billing.api.what_if import PostBody, ResultsQuery, RunsQuery, WhatIfBody
from shared.http.described import Described, Who

_PATH: Final = "/api/billing/what-if"


class WhatIfRun(BaseModel):
    """A run: how far it is, and its sums so far. Times are Unix seconds."""

    model_config = ConfigDict(populate_by_name=True)

    run_id: int
    state: str
    """waiting, rating, rated, posting, posted, cancelled or failed."""
    from_: int = Field(alias="from")
    to: int
    version_at: str | None
    draft_id: int | None
    workspace_id: int | None
    model: str | None
    note: str
    entries_total: int
    entries_done: int
    progress: float
    eta_s: int | None
    not_rateable: int
    """Charges from before entries kept what they were reckoned from: they are in no sum."""
    requests: int
    old_units: int
    new_units: int
    difference_units: int
    created_by: int
    created_at: int
    finished_at: int | None


class WhatIfRuns(BaseModel):
    """Runs, the newest first."""

    items: list[WhatIfRun]


class WhatIfSum(BaseModel):
    """A workspace's requests of a model: what they cost, and what they would have."""

    workspace_id: int
    model: str
    requests: int
    old_units: int
    new_units: int
    difference_units: int


class Behind(BaseModel):
    """Where the next page begins: `after_workspace_id` and `after_model`."""

    workspace_id: int
    model: str


class WhatIfResults(BaseModel):
    """Sums in order of workspace and model."""

    items: list[WhatIfSum]
    next_after: Behind | None


WHAT_IF: Final = (
    Described(
        method="POST",
        path=_PATH,
        summary="Rate a past period again with other prices; the answer is a run",
        who=Who.ADMIN,
        body=WhatIfBody,
        data=WhatIfRun,
    ),
    Described(
        method="GET",
        path=_PATH,
        summary="Runs that rate past periods again",
        who=Who.ADMIN,
        query=RunsQuery,
        data=WhatIfRuns,
    ),
    Described(
        method="GET",
        path=f"{_PATH}/{{run_id}}",
        summary="How far a run is, and its sums so far",
        who=Who.ADMIN,
        data=WhatIfRun,
    ),
    Described(
        method="GET",
        path=f"{_PATH}/{{run_id}}/results",
        summary="A run's sums by workspace and model: old, new, difference",
        who=Who.ADMIN,
        query=ResultsQuery,
        data=WhatIfResults,
    ),
    Described(
        method="POST",
        path=f"{_PATH}/{{run_id}}/post",
        summary="Post a run's differences as adjustments of the charges, each once",
        who=Who.ADMIN,
        body=PostBody,
        data=WhatIfRun,
    ),
    Described(
        method="DELETE",
        path=f"{_PATH}/{{run_id}}",
        summary="Call a run off that is not rated yet",
        who=Who.ADMIN,
        data=WhatIfRun,
    ),
)
