"""Every call of `/api/usage` answers what its documentation says, and a wrong one is told so."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from services.logging.described.usage import CALLS
from tests.integration.logging_service.log_api import ADA, ADAS_KEY, ADMIN, LogApi

_DATA = {call.path: TypeAdapter(call.data) for call in CALLS}
_ASKED = [
    ("/api/usage/series", {}),
    ("/api/usage/series", {"interval": "hour", "by": "key", "metrics": "unique_api_keys"}),
    ("/api/usage/series", {"by": "model", "metrics": "latency_p999_ms,quota", "model": "gpt%"}),
    ("/api/usage/series", {"timezone": "Europe/Berlin", "by": "user", "from": "", "to": ""}),
    ("/api/usage/latency", {"interval": "hour", "by": "provider", "provider_id": "3"}),
    ("/api/usage/top", {"by": "model"}),
    ("/api/usage/top", {"by": "key", "order": "errors", "limit": "100", "workspace_id": "7"}),
    ("/api/usage/top", {"by": "project", "order": "tokens", "project_id": "7"}),
    ("/api/usage/top", {"by": "workspace", "order": "requests", "key_id": "7"}),
    ("/api/usage/summary", {}),
    ("/api/usage/summary", {"from": "1000", "to": "2000"}),
    ("/api/usage/hourly", {}),
    ("/api/usage/hourly", {"by": "workspace,model", "user_id": "700"}),
    ("/api/usage/daily", {"by": "user"}),
    ("/api/usage/daily", {"page_size": "1"}),
]
_REFUSED = [
    ("/api/usage/series", {"interval": "minute"}, "interval"),
    ("/api/usage/series", {"by": "colour"}, "by"),
    ("/api/usage/series", {"metrics": "secrets"}, "metric"),
    ("/api/usage/series", {"timezone": "Mars/Olympus"}, "time zone"),
    ("/api/usage/series", {"timezone": "../../etc/passwd"}, "time zone"),
    ("/api/usage/series", {"timezone": "Asia/Kolkata"}, "interval=hour"),
    ("/api/usage/series", {"interval": "hour", "from": "0"}, "interval=day"),
    ("/api/usage/series", {"from": "5", "to": "5"}, "before"),
    ("/api/usage/latency", {"interval": "hour", "by": "key", "limit": "100"}, None),
    ("/api/usage/series", {"interval": "day", "by": "key", "limit": "100", "from": "0"}, "days"),
    ("/api/usage/top", {}, "by"),
    ("/api/usage/top", {"by": "model", "limit": "101"}, "limit"),
    ("/api/usage/hourly", {"cursor": "nonsense"}, "cursor"),
    ("/api/usage/hourly", {"cursor": "WzEsMiwzXQ"}, "another list"),
    ("/api/usage/daily", {"by": "model", "cursor": "WzEsMl0"}, "another list"),
    ("/api/usage/summary", {"user_id": "x"}, "user_id"),
    ("/api/usage/summary", {"model": "a\x00b"}, "model"),
]


@pytest.mark.parametrize("caller", [ADMIN, ADA], ids=["admin", "user"])
async def test_without_any_use_all_calls_answer_as_described(api: LogApi, caller: Any) -> None:
    for path, params in _ASKED:
        answer = await api.get(path, caller, params)
        assert answer["success"], (path, params, answer)
        _DATA[path].validate_python(answer["data"])
        assert answer["data"]["complete_until"] is None


async def test_an_answer_says_where_it_asks_for_what_is_no_longer_kept(api: LogApi) -> None:
    """A zero would be taken for nobody's use."""
    month, day = 1_764_547_200, 86_400
    await api.pool.execute(
        "UPDATE log_state SET usage_hourly_from = $1, usage_daily_from = $2", month, month - 9 * day
    )
    told = [
        ("/api/usage/series", {"interval": "hour", "from": str(month - 5)}, month),
        ("/api/usage/series", {"interval": "hour", "from": str(month)}, None),
        ("/api/usage/series", {"interval": "day", "from": str(month - 5)}, None),
        ("/api/usage/series", {"timezone": "Europe/Berlin", "from": str(month)}, month),
        ("/api/usage/series", {"from": str(month - 9 * day - 1)}, month - 9 * day),
        ("/api/usage/hourly", {"from": str(month - day)}, month),
        ("/api/usage/daily", {"from": str(month - day)}, None),
        ("/api/usage/top", {"by": "key", "from": str(month - day)}, None),
        ("/api/usage/top", {"by": "key", "from": str(month - day - 1)}, month),
        # The time before, which it is beside, begins at no midnight.
        ("/api/usage/summary", {"from": str(month + day + 3_600)}, month),
        ("/api/usage/summary", {"from": str(month + 20 * day)}, None),
    ]
    for path, params, kept_from in told:
        answer = await api.get(path, ADMIN, {"to": str(month + 30 * day), **params})
        assert answer["success"], (path, params, answer)
        assert answer["data"]["kept_from"] == kept_from, (path, params)


async def test_what_cannot_be_told_is_refused_with_a_word_that_helps(api: LogApi) -> None:
    for path, params, word in _REFUSED:
        answer = await api.get(path, ADMIN, params)
        if word is None:
            assert answer["success"], (path, params, answer)
        else:
            assert not answer["success"], (path, params)
            assert word in answer["message"], (path, params, answer)


async def test_use_is_told_to_people_only(api: LogApi) -> None:
    for path in _DATA:
        async with api.call("GET", path, None) as response:
            assert response.status == 401
        async with api.call("GET", path, ADAS_KEY) as response:
            assert response.status == 403
