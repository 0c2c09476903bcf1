import re

DIRECTIVES = (
    "default-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "style-src 'self'",
)


def test_pages_carry_a_policy_without_unsafe_sources(wall, north):
    response = north.client().get("/sign-in/", follow=True)
    policy = response.headers["Content-Security-Policy"]
    assert response.status_code == 200
    for directive in DIRECTIVES:
        assert directive in policy
    assert "unsafe" not in policy


def test_a_pages_scripts_bear_the_nonce_of_its_policy(wall, north):
    response = north.client().get("/sign-in/", follow=True)
    nonce = re.search(r"'nonce-([^']+)'", response.headers["Content-Security-Policy"])[1]
    assert f'nonce="{nonce}"' in response.content.decode()


def test_htmx_may_not_evaluate_or_style(wall, north):
    html = north.client().get("/sign-in/", follow=True).content.decode()
    for setting in ('"includeIndicatorStyles":false', '"allowEval":false', '"historyCacheSize":0'):
        assert setting in html


def test_theme_css_is_served_to_everybody(wall, north):
    response = north.client().get("/theme.css")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/css")


def test_an_unknown_address_gets_the_friendly_page(wall, north):
    response = north.client().get("/no-such-page/")
    assert response.status_code == 404
    assert response.content.decode().count('class="btn btn-primary" href') == 1
