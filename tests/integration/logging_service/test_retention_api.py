"""`/api/log/retention`: workspaces that keep their rows for a shorter time than the site."""

from typing import Any

import pytest

from tests.integration.logging_service.conftest import SITE_DAYS
from tests.integration.logging_service.log_api import ADA, ADMIN, LogApi
from tests.integration.logging_service.test_clean_up import actions

_SITE = {"logs_days": SITE_DAYS, "usage_hourly_days": 0, "usage_daily_days": 0}
_NONE = {"success": False, "message": "the workspace has no period of its own"}


async def ask(api: LogApi, method: str, path: str = "", **options: Any) -> Any:
    async with api.call(method, f"/api/log/retention{path}", ADMIN, **options) as response:
        assert response.status == 200
        return await response.json()


async def test_a_workspace_gets_its_own_period_and_loses_it(api: LogApi) -> None:
    assert (await ask(api, "GET"))["data"] == {
        "site": _SITE,
        "items": [],
        "total": 0,
        "page": 1,
        "page_size": 20,
    }
    assert await ask(api, "GET", "/7") == _NONE

    for days in (30, 7):
        given = (await ask(api, "PUT", "/7", json={"logs_days": days}))["data"]
        assert (given["workspace_id"], given["logs_days"], given["updated_by"]) == (7, days, 1)
    other = (await ask(api, "PUT", "/9", json={"logs_days": 1}))["data"]

    assert (await ask(api, "GET", "/7"))["data"] == given
    page = (await ask(api, "GET", "?page_size=1&p=2"))["data"]
    assert (page["items"], page["total"]) == ([other], 2)
    assert (await ask(api, "DELETE", "/7"))["success"]
    assert await ask(api, "DELETE", "/7") == _NONE
    assert await ask(api, "GET", "/7") == _NONE
    told = [(one.action, one.workspace_id, one.changes) for one in await actions(api.pool)]
    assert told == [
        ("log_retention.update", 7, {"logs_days": "30"}),
        ("log_retention.update", 7, {"logs_days": "7"}),
        ("log_retention.update", 9, {"logs_days": "1"}),
        ("log_retention.delete", 7, {"logs_days": "7"}),
    ]


@pytest.mark.parametrize("days", [0, -1, 40_000, 7.5, "7", None, SITE_DAYS, SITE_DAYS + 1])
async def test_what_is_no_shorter_period_is_refused(api: LogApi, days: Any) -> None:
    answer = await ask(api, "PUT", "/7", json={"logs_days": days})
    assert not answer["success"]
    assert "logs_days" in answer["message"] or "shorter" in answer["message"]
    assert await ask(api, "GET", "/7") == _NONE


async def test_an_id_that_no_workspace_has(api: LogApi) -> None:
    for path in ("/0", "/9999999999999999999"):
        for method in ("GET", "PUT", "DELETE"):
            answer = await ask(api, method, path, json={"logs_days": 7})
            assert answer == {"success": False, "message": "workspace not found"}


async def test_only_an_admin_may(api: LogApi) -> None:
    for caller, status in ((None, 401), (ADA, 403)):
        for method, path in (("GET", ""), ("GET", "/7"), ("PUT", "/7"), ("DELETE", "/7")):
            async with api.call(
                method, f"/api/log/retention{path}", caller, json={"logs_days": 7}
            ) as response:
                assert response.status == status
