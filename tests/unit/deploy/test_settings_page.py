import pytest

from deploy.settings_page import PAGE, SETTINGS, settings_page


def test_the_page_is_the_generated_one() -> None:
    assert PAGE.read_text() == settings_page(), "python -P -m deploy.settings_page"


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_says_what_it_is(name: str) -> None:
    silent = [each for each, field in SETTINGS[name].model_fields.items() if not field.description]
    assert silent == []


def test_every_setting_is_on_the_page() -> None:
    page = settings_page()
    for settings in SETTINGS.values():
        for name in settings.model_fields:
            assert f"`LEDGERLINE_{name.upper()}`" in page
