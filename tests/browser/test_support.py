"""Support access as people see it: asked at the portal, let in at the dealership, seen and ended there."""

from __future__ import annotations


def test_the_manufacturer_is_let_in_watched_and_shown_out(person):
    asker = person("portal", "network_manager", screen="desktop", language="en")
    page = asker.go("/network/north/support/")
    page.fill("textarea[name=reason]", "Claims stay open after the decision.")
    page.get_by_label("Everything, customers too").check(force=True)
    page.get_by_role("button", name="Ask").click()
    link = page.locator("[data-link]").inner_text()
    asker.check()
    asker.shot("link")

    manager = person("north", "general_manager", screen="phone", language="zh-hans")
    row = manager.go("/today/").get_by_text("Claims stay open after the decision.").first
    for _second in range(60):
        if row.count():
            break
        manager.page.wait_for_timeout(500)
        manager.go("/today/")
    manager.go("/support/")
    manager.page.locator("a[href^='/support/']", has_text="网络经理").first.click()
    manager.page.wait_for_url("**/support/*-*/")
    address = manager.page.url
    manager.check()
    manager.shot("answer")
    manager.page.fill("input[name=hours]", "1")
    manager.page.locator("form[action$='/approve/'] button[type=submit]").click()
    manager.page.locator("form[action$='/end/']").wait_for()

    guest = person("north", "guest", screen="phone", language="en", sign_in=False)
    guest.page.goto(link)
    guest.check()
    guest.shot("door")
    guest.page.get_by_role("button", name="Sign in once").click()
    guest.page.get_by_text("Every page and every act is written down.").wait_for()
    guest.check()
    guest.shot("inside")
    assert guest.go("/customers/").locator(".row, tbody tr").count()

    manager.page.goto(address)
    manager.check()
    manager.shot("open")
    manager.page.locator("form[action$='/end/'] button[type=submit]").click()
    manager.page.locator("#confirm[open] button[value=yes]").click()
    manager.page.locator("form[action$='/end/']").wait_for(state="detached")
    assert "/sign-in/" in guest.go("/customers/").url
