"""Whatever is sent, the answer is an envelope that says why, and never a 500."""

import itertools
from typing import Any

import pytest

from tests.integration.control.conftest import Person
from tests.integration.control.test_channels import CHANNEL

HOSTILE: tuple[Any, ...] = (
    "a\x00b",
    "line\nbreak",
    "x" * 5000,
    "",
    "   ",
    10**400,
    -(2**63) - 1,
    2**63,
    1.5,
    None,
    True,
    [],
    ["\x00"],
    {},
    {"a": {"b": []}},
)
CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/api/user/login", {"username": "ada", "password": "a user's password"}),
    ("POST", "/api/user/", {"username": "x", "password": "12345678", "role": 1, "group": "d"}),
    ("POST", "/api/user/refresh", {"refresh_token": "x"}),
    (
        "PUT",
        "/api/user/self",
        {
            "display_name": "x",
            "email": "a@b",
            "avatar_url": "",
            "timezone": "UTC",
            "preferences": {},
            "setting": "",
        },
    ),
    (
        "POST",
        "/api/project/",
        {"name": "x", "workspace_id": 1, "description": "", "color": "", "settings": {}},
    ),
    ("PUT", "/api/project/", {"id": 999, "name": "x", "description": "", "settings": {}}),
    (
        "POST",
        "/api/provider/",
        {"name": "x", "slug": "x", "base_url": "", "logo_url": "", "color": "", "is_active": True},
    ),
    ("PUT", "/api/provider/", {"id": 999, "name": "x", "slug": "x", "base_url": ""}),
    ("PUT", "/api/user/", {"id": 999, "status": 1, "group": "default", "display_name": "x"}),
    (
        "POST",
        "/api/token/",
        {
            "name": "x",
            "expired_time": 5,
            "group": "",
            "model_limits": "",
            "allow_ips": "",
            "status": 1,
            "unlimited_quota": True,
            "model_limits_enabled": False,
        },
    ),
    ("PUT", "/api/token/", {"id": 999, "status": 1}),
    ("POST", "/api/channel/", {**CHANNEL, "status": 1}),
    ("PUT", "/api/channel/", {"id": 999, **CHANNEL}),
    (
        "POST",
        "/api/models/",
        {"name": "x", "groups": [], "max_output_tokens": 1, "max_media_tokens": 1, "owned_by": "x"},
    ),
    ("PUT", "/api/models/gpt-4o", {"groups": [], "status": 1, "owned_by": "x"}),
    ("POST", "/api/group/", {"name": "x"}),
)
RAW: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b"{",
    b'"text"',
    b"\xff\xfe",
    b'{"name": "\\ud800"}',
    b'{"name": "\\u0000", "username": "\\u0000", "password": "\\u0000"}',
    b'{"name": "\xed\xa0\x80"}',
    b'{"id": ' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"name": NaN, "weight": Infinity}',
)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[0]} {call[1]}")
async def test_hostile_fields(root: Person, call: tuple[str, str, dict[str, Any]]) -> None:
    method, path, body = call
    assertion = await root.control.assertion("session", root.session)
    for name in body:
        for value in HOSTILE:
            changed = {**body, name: value}
            status, answer = await root.control.send(method, path, changed, assertion=assertion)
            assert status in {200, 401, 403, 429}, (name, value, answer)
            assert answer["success"] or answer["message"], (name, value, answer)


async def test_hostile_bytes(root: Person) -> None:
    assertion = await root.control.assertion("session", root.session)
    for (method, path, _), raw in itertools.product(CALLS, RAW):
        status, answer = await root.control.send(method, path, raw, assertion=assertion)
        assert status == 200, (path, raw, answer)
        assert answer["success"] is False, (path, raw, answer)


PATHS: tuple[str, ...] = (
    "/api/user/?p=99999999999999999999",
    "/api/user/?page_size=-1",
    "/api/token/?p=%00",
    "/api/channel/?ps=" + "9" * 5000,
    "/api/user/9999999999999999999",
    "/api/user/?keyword=%00",
    "/api/user/?status=x",
    "/api/user/search?group=" + "g" * 500,
    "/api/project/?workspace_id=0",
    "/api/project/?workspace_id=9223372036854775808",
    "/api/provider/9223372036854775808",
    "/api/workspace/0",
    "/api/user/sessions?p=-1",
    "/api/token/0",
    "/api/models/?p=x",
)


async def test_hostile_addresses(root: Person) -> None:
    for path in PATHS:
        assert await root.refused("GET", path)


async def test_hostile_names_in_paths(root: Person) -> None:
    for name in ("%00", "a%0Ab", "%ED%A0%80", "x" * 500):
        assert await root.refused("DELETE", f"/api/models/{name}")


async def test_what_does_not_exist_is_said_in_the_envelope(root: Person) -> None:
    assert await root.send("GET", "/api/user/nobody") == (
        404,
        {"success": False, "message": "not found"},
    )
    status, answer = await root.send("PATCH", "/api/user/self")
    assert (status, answer["success"]) == (405, False)
    status, answer = await root.control.internal("GET", "/internal/keys/xyz")
    assert status == 404


async def test_hostile_credentials(root: Person) -> None:
    for kind in ("session", "access_token", "key"):
        for value in ("", "\x00", "sk-", "é" * 100, "x" * 4096):
            assert await root.control.assertion(kind, value) is None
