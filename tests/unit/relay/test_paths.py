"""A path that two programs could read in two ways is refused."""

import pytest

from services.relay.api.paths import is_ambiguous


@pytest.mark.parametrize(
    "path",
    [
        "//internal/leases",
        "/api//log",
        "/api/%2finternal",
        "/api/%2Finternal",
        "/api/log%5c..%5cx",
        "/api\\internal",
        "/api/../internal",
        "/api/..",
        "/api/./log",
        "/api/.",
        "/api/%2e%2e/internal",
        "/api/%2E./internal",
        "/api/log%00",
        "/api/log%",
        "/api/log%2",
        "/api/log%zz",
        "/api/../internal?x=1",
        "/v1/models/../../internal",
        "/v1/models//x",
        "/v1/models/%2e%2e/x",
        "/v1/models%2fx",
    ],
)
def test_ambiguous(path: str) -> None:
    assert is_ambiguous(path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/log/",
        "/api/log/self?path=../x//y%2f",
        "/v1/models/gpt-4.1",
        "/v1/models/org%2Fmodel",
        "/v1/models/org/model",
        "/api/.well-known",
        "/api/..x",
        "/api/a%20b",
        "/api/%E2%82%AC",
        "/api/log?",
    ],
)
def test_plain(path: str) -> None:
    assert not is_ambiguous(path)
