import re
import uuid
from types import SimpleNamespace

import pytest
from django.http import Http404
from django.template import engines
from django.test import RequestFactory
from django.utils import translation
from django_cotton.compiler_regex import CottonCompiler

from kernel.ui import errors, kit
from kernel.ui.inventory import UI, templates

pytestmark = pytest.mark.usefixtures("no_branding")

INLINE = re.compile(r"""<[a-z][^>]*\s(?:style|on[a-z]+)=|<script(?![^>]*\bsrc=)[^>]*>|javascript:""", re.I)


class Nobody:
    is_authenticated = False


def request_to(address="/", **extra):
    request = RequestFactory().get(address, **extra)
    request.tenant = SimpleNamespace(kind="dealership", name="North <b>", slug="north", id=uuid.uuid4())
    request.user = Nobody()
    request.urlconf = "dealernet.urls_dealer"
    return request


def compiled(source):
    """A template as the loader gives it, its components translated to tags."""
    return engines["django"].from_string(CottonCompiler().process(source))


@pytest.fixture
def development(settings):
    settings.DEBUG = True


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
@pytest.mark.parametrize("address", ["/ui/kit/", "/ui/kit/?errors"])
def test_the_kit_shows_every_component_without_inline_code(development, address, language):
    with translation.override(language):
        html = kit.kit(request_to(address)).content.decode()
    assert INLINE.search(html) is None
    assert "<c-" not in html
    assert "{%" not in html
    assert f'<html lang="{ {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant", "en": "en"}[language] }"' in html


def test_the_kit_is_for_development_only():
    with pytest.raises(Http404):
        kit.kit(request_to("/ui/kit/"))


def test_every_component_appears_in_the_kit():
    shown = (UI / "templates/ui/kit.html").read_text(encoding="utf-8")
    elsewhere = {"badge", "modal", "field", "form_errors", "icon", "dd", "pager", "filter_bar", "temperature"}
    for file in (UI / "templates/cotton").glob("*.html"):
        name = file.stem.replace("_", "-")
        assert file.stem in elsewhere or f"<c-{name}" in shown, name


@pytest.mark.parametrize("file", sorted((UI / "templates/cotton").glob("*.html")), ids=lambda file: file.stem)
def test_every_component_is_documented(file):
    assert f"`c-{file.stem.replace('_', '-')}`" in (UI / "README.md").read_text(encoding="utf-8")


def test_no_template_of_the_product_has_inline_code():
    offending = {
        str(file.relative_to(UI.parents[2])): found[0]
        for file in templates()
        if (found := INLINE.findall(re.sub(r"\{#.*?#\}", "", file.read_text(encoding="utf-8"))))
    }
    assert offending == {}


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (errors.bad_request, 400),
        (errors.forbidden, 403),
        (errors.csrf_failure, 403),
        (errors.not_found, 404),
        (errors.server_error, 500),
        (errors.unavailable, 503),
    ],
)
def test_an_error_page_says_what_happened_and_one_way_on(view, status):
    request = request_to("/somewhere/?page=2")
    request.request_id = "7f3a9c"
    response = view(request)
    html = response.content.decode()
    assert response.status_code == status
    assert html.count('class="btn btn-primary" href') == 1
    assert "<h1>" in html
    assert "7f3a9c" in html


def test_an_error_page_needs_neither_tenant_nor_user():
    assert errors.server_error(RequestFactory().get("/")).status_code == 500


def test_unavailable_says_when_to_come_back():
    response = errors.unavailable(request_to("/leads/?page=2"), retry_after=7)
    assert response["Retry-After"] == "7"
    assert 'href="/leads/?page=2"' in response.content.decode()


def test_the_tenants_name_is_escaped():
    request = request_to()
    html = engines["django"].from_string('{% extends "ui/page.html" %}').render({}, request)
    assert "North &lt;b&gt;" in html
    assert "<b>" not in html


def test_a_component_does_not_see_the_pages_variables():
    html = compiled("<c-card>inside</c-card>").render({"title": "leaked"}, request_to())
    assert "inside" in html
    assert "leaked" not in html
    assert "<c-" not in html


def test_text_in_a_components_attributes_is_escaped_once():
    page = compiled('<c-stat label="{{ a }}" :value="a" />')
    html = page.render({"a": "<b> & co"}, request_to())
    assert html.count("&lt;b&gt; &amp; co") == 2
