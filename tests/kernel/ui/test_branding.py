import re

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from kernel.ui.branding import contrast, darkened, readable_on, theme
from kernel.ui.views import theme_css

colours = st.from_regex(r"\A#[0-9a-f]{6}\Z")


def test_contrast_of_black_and_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@given(colours)
def test_any_brand_colour_becomes_readable_with_white_text(colour):
    chosen = re.search(r"--color-primary:(#[0-9a-f]{6})", theme(colour))[1]
    assert contrast(chosen, "#ffffff") >= 4.5


@given(colours)
def test_the_logo_tile_is_readable_on_any_brand_colour(colour):
    assert contrast(colour, readable_on(colour)) >= 4.0


def test_a_dark_colour_is_left_as_it_is():
    assert darkened("#123456") == "#123456"


@pytest.mark.parametrize("bad", ["", "red", "#12345", "#12345g", "#123456;}body{display:none", "javascript:1"])
def test_what_is_no_colour_never_reaches_the_style_sheet(bad):
    assert theme(bad, bad) == "/* default colours */\n"


def test_theme_css_is_a_style_sheet_that_browsers_keep():
    response = theme_css(RequestFactory().get("/theme.css"), primary="#C8102E", accent="#00AA88")
    assert response["Content-Type"] == "text/css; charset=utf-8"
    assert "max-age=86400" in response["Cache-Control"]
    assert "--brand:#c8102e" in response.content.decode()
    assert "--color-accent:" in response.content.decode()
