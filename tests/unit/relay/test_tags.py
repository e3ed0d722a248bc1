"""A client's own tags: short words, and never free text."""

import pytest

from services.relay.errors import RelayError
from services.relay.tags import TAGS_HEADER, read_tags


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("", {}),
        ("team=search", {"team": "search"}),
        (" team=search , env=prod ", {"team": "search", "env": "prod"}),
        ("a=1,a=2", {"a": "2"}),
        (",".join(f"t{n}={n}" for n in range(10)), {f"t{n}": str(n) for n in range(10)}),
        ("n" * 32 + "=" + "v" * 64, {"n" * 32: "v" * 64}),
        ("t=a.b:c-d_e", {"t": "a.b:c-d_e"}),
    ],
)
def test_tags(header: str, tags: dict[str, str]) -> None:
    assert read_tags({TAGS_HEADER: header}) == tags


@pytest.mark.parametrize(
    "header",
    [
        "team",
        "team=",
        "=search",
        "team=two words",
        "a=1,,b=2",
        "a=1,",
        "a=b=c",
        "n" * 33 + "=v",
        "n=" + "v" * 65,
        "n=é",
        "n=a\nb",
        ",".join(f"t{n}={n}" for n in range(11)),
        "x" * 100_000,
        "," * 100_000,
    ],
)
def test_what_is_no_tag_is_refused(header: str) -> None:
    with pytest.raises(RelayError) as caught:
        read_tags({TAGS_HEADER: header})
    assert caught.value.http_status == 400


def test_without_the_header_there_are_none() -> None:
    assert read_tags({}) == {}
