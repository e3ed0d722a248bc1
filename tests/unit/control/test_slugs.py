import pytest

from services.control.channels.slugs import MAX_SLUG, numbered, slug_of


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("OpenAI", "openai"),
        ("Azure / West Europe", "azure-west-europe"),
        ("  Müller & Söhne ", "muller-sohne"),
        ("通义千问", "provider"),
        ("--", "provider"),
        ("x" * 200, "x" * MAX_SLUG),
    ],
)
def test_a_slug_of_a_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_a_number_fits_too() -> None:
    assert numbered("openai", 2) == "openai-2"
    assert numbered("x" * MAX_SLUG, 10) == "x" * (MAX_SLUG - 3) + "-10"
