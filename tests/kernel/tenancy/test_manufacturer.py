"""What the manufacturer is called."""

from __future__ import annotations

import pytest
from django.utils import translation

from kernel.tenancy.manufacturer import in_words, manufacturer_name

NAMES = {"zh-hans": "星河汽车", "zh-hant": "星河汽車", "en": "Xinghe Motors"}


@pytest.fixture(autouse=True)
def called(settings):
    settings.MANUFACTURER_NAME = "Xinghe Motors"
    settings.MANUFACTURER_NAMES = NAMES


@pytest.mark.parametrize(("language", "name"), NAMES.items())
def test_people_read_the_name_in_their_language(language, name):
    with translation.override(language):
        assert manufacturer_name() == name
        assert in_words("Xinghe Motors") == name
        assert in_words("星河汽车") == name
    assert in_words("Xinghe Motors", language) == name


def test_a_name_of_former_days_stays_as_it_was_recorded():
    with translation.override("zh-hans"):
        assert in_words("Former Motors") == "Former Motors"


def test_a_language_without_a_name_of_its_own_has_the_one_name():
    with translation.override("fr"):
        assert manufacturer_name() == "Xinghe Motors"


@pytest.mark.parametrize(("language", "name"), NAMES.items())
def test_the_pages_of_both_tiers_say_it(wall, portal, north, language, name):
    for side, login, path in ((portal, "auditor", "/account/"), (north, "general_manager", "/sharing/")):
        client = side.client(login)
        client.post("/language/", {"language": language})
        assert name in client.get(path).text
