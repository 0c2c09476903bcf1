"""Second factors in a real browser, with Chromium's own authenticator in software."""

from __future__ import annotations

import re
import time

import pyotp
import pytest

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def clerk(person, network):
    """Somebody whose sign-in no other test uses; without second factors again afterwards."""
    somebody = person("north", "parts_clerk", screen="phone", language="en")
    yield somebody
    page = somebody.go("/account/second-factors/")
    while page.get_by_role("link", name="Remove").count():
        page.get_by_role("link", name="Remove").first.click()
        page.fill("input[name=proof]", network.password("north", "parts_clerk"))
        page.get_by_role("button", name="Remove").click()
        page.wait_for_url("**/account/second-factors/")


def first_step(clerk, network):
    clerk.context.clear_cookies()
    page = clerk.go("/sign-in/")
    page.fill("input[name=login]", "parts_clerk")
    page.fill("input[name=password]", network.password("north", "parts_clerk"))
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/sign-in/second/")
    return page


def signed_in(page):
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page.locator("main").is_visible()


def test_a_passkey_signs_in_as_second_factor_and_alone(clerk, network):
    devices = clerk.context.new_cdp_session(clerk.page)
    devices.send("WebAuthn.enable")
    device = devices.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]
    page = clerk.go("/account/second-factors/")
    clerk.check()
    page.get_by_role("link", name="Passkey").click()
    clerk.check()
    clerk.shot("add-passkey")
    page.fill("input[name=name]", "My phone's lock")
    page.get_by_role("button", name="Make a passkey").click()
    page.locator("[data-codes]").wait_for()
    clerk.check()
    clerk.shot("recovery-codes")
    assert page.locator("[data-codes] li").count() == 10
    (credential,) = devices.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    assert (credential["rpId"], credential["isResidentCredential"]) == ("north.localhost", True)

    first_step(clerk, network)
    clerk.check()
    clerk.shot("second-step")
    page.get_by_role("button", name="Use a passkey").click()
    assert signed_in(page)

    clerk.context.clear_cookies()
    clerk.go("/sign-in/")
    page.get_by_role("link", name="Sign in with a passkey").click()
    page.wait_for_url("**/sign-in/passkey/*")
    clerk.check()
    page.get_by_role("button", name="Use a passkey").click()
    assert signed_in(page)

    # A device that does not know the person: said in words, and nobody is signed in.
    devices.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    clerk.context.clear_cookies()
    clerk.go("/sign-in/passkey/")
    page.get_by_role("button", name="Use a passkey").click()
    page.locator("[data-passkey-said]").wait_for()
    assert "/sign-in/passkey/" in page.url
    devices.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    page.get_by_role("button", name="Use a passkey").click()
    assert signed_in(page)


def test_an_app_is_added_by_its_picture_and_asked_for_at_the_next_sign_in(clerk, network):
    page = clerk.go("/account/second-factors/app/")
    clerk.check()
    clerk.shot("add-app")
    box = page.locator("svg.segno").bounding_box()
    assert box["width"] == box["height"]
    assert box["width"] > 150
    secret = re.sub(r"\s", "", page.locator("[data-secret]").inner_text())
    step = int(time.time()) // 30
    page.fill("input[name=code]", pyotp.TOTP(secret).generate_otp(step))
    page.get_by_role("button", name="Add").click()
    page.locator("[data-codes]").wait_for()
    page.get_by_role("link", name="I have kept them").click()
    clerk.check()
    clerk.shot("factors")
    first_step(clerk, network)
    page.fill("input[name=code]", pyotp.TOTP(secret).generate_otp(step + 1))
    page.press("input[name=code]", "Enter")
    assert signed_in(page)


def test_a_rule_leads_people_of_a_role_to_the_one_page_where_they_add_a_factor(clerk, person):
    boss = person("north", "general_manager", screen="desktop", language="zh-hans")
    boss.go("/people/")
    boss.check()
    page = boss.go("/people/second-factors/")
    boss.check()
    boss.shot("rules")
    today = page.evaluate("new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10)")  # north's clock is Shanghai's
    for day in (today, ""):
        page.fill("input[name=parts_clerk]", day)
        page.locator("main form button[type=submit]").click()
        page.wait_for_load_state()
        assert page.input_value("input[name=parts_clerk]") == day
        clerk.go("/today/")
        led = clerk.page.url.endswith("/account/second-factors/")
        assert led is bool(day)
        clerk.check()
        clerk.shot("led" if led else "free")
