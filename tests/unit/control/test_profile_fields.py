from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.control.people.profile_fields import (
    Color,
    Email,
    JsonObject,
    PictureUrl,
    Text,
    Timezone,
)


def _takes(field: Any, value: Any) -> bool:
    try:
        TypeAdapter(field).validate_python(value)
    except ValidationError:
        return False
    return True


def test_what_a_profile_takes() -> None:
    assert _takes(Email, "")
    assert _takes(Email, "ada@example.com")
    assert _takes(PictureUrl, "https://example.com/a.png")
    assert _takes(Timezone, "Europe/Berlin")
    assert _takes(JsonObject, {"a": {"b": [1, "x"]}})
    assert _takes(Text, "two\nlines")
    assert _takes(Color, "#00ff7F")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Email, "ada"),
        (Email, "a b@c"),
        (Email, "a@b@c"),
        (Email, "a@" + "b" * 300),
        (Email, "a\x00@b"),
        (PictureUrl, "javascript:alert(1)"),
        (PictureUrl, "data:text/html,x"),
        (PictureUrl, "https://"),
        (PictureUrl, "http://[::1/"),
        (Timezone, "Mars/Olympus"),
        (Timezone, "../../etc/passwd"),
        (Timezone, "Europe"),
        (Timezone, ""),
        (JsonObject, {"a": "\x00"}),
        (JsonObject, {"a": "x" * 5000}),
        (JsonObject, {"a": 2**70}),
        (JsonObject, {"\ud800": 1}),
        (Text, "\x00"),
        (Color, "red"),
    ],
)
def test_what_it_does_not(field: Any, value: Any) -> None:
    assert not _takes(field, value)
