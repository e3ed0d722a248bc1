"""What Schemathesis loads: a check of our own, a caller who logs in again, and no way out.

Its settings are environment variables, since it runs as a process of its own.
"""

import os
from typing import Any, Final

import requests
import schemathesis

from services.relay.described import RELAYED

BASE_URL: Final = "LEDGERLINE_FUZZ_BASE_URL"
PROVIDER_URL: Final = "LEDGERLINE_FUZZ_PROVIDER_URL"
USERNAME: Final = "LEDGERLINE_FUZZ_USERNAME"
PASSWORD: Final = "LEDGERLINE_FUZZ_PASSWORD"
CHECKS: Final = ("has_a_request_id",)
_UNAUTHORIZED: Final = 401
_MODELS: Final = frozenset(call.example["model"] for call in RELAYED.values())
_session: dict[str, str] = {}


@schemathesis.check
def has_a_request_id(
    _ctx: schemathesis.CheckContext, response: schemathesis.Response, _case: schemathesis.Case[Any]
) -> None:
    """Every answer of the public door names its request."""
    if not response.headers.get("x-request-id"):
        raise AssertionError("an answer without x-request-id")


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]
) -> None:
    """Sign the caller in where it is one who ends sessions, and make some cases meaningful.

    Addresses that are not allowed have tests of their own: none may lead outside. Every other name
    of a model is one that there is.
    """
    if isinstance(case.body, dict):
        if isinstance(case.body.get("base_url"), str):
            case.body["base_url"] = os.environ[PROVIDER_URL]
        model = case.body.get("model")
        # One of another call may have no channel in this one's dialect, which is no fault.
        if isinstance(model, str) and case.path in RELAYED and (len(model) % 2 or model in _MODELS):
            case.body["model"] = RELAYED[case.path].example["model"]
    if USERNAME in os.environ:
        if "token" not in _session:
            _session["token"] = _log_in()
        case.headers["Authorization"] = f"Bearer {_session['token']}"


@schemathesis.hook
def after_call(
    _context: schemathesis.HookContext,
    _case: schemathesis.Case[Any],
    response: schemathesis.Response,
) -> None:
    """Note that the session has ended."""
    if response.status_code == _UNAUTHORIZED:
        _session.pop("token", None)


def _log_in() -> str:
    answer = requests.post(
        f"{os.environ[BASE_URL]}/api/user/login",
        json={"username": os.environ[USERNAME], "password": os.environ[PASSWORD]},
        timeout=30,
    )
    token: str = answer.json()["data"]["session_token"]
    return token
