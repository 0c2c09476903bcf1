"""The story, lived through the pages: a lead goes down; an owner, a visit and a claim come up; a decision returns.

Everybody works on the screen and in the language that the role has: the desk and the analyst on a desktop in English,
the dealership on a phone in Chinese. Only clicks and forms; between the tiers a page is opened again until it shows
what must arrive, ten seconds at most.
"""

from __future__ import annotations

import random
import re
import time
from datetime import date, timedelta
from urllib.parse import urlparse

from kernel.automotive.vin import check_digit

SECONDS = 10.0
WISH = "想看一辆家用车，周末方便试驾。"
COMPLAINT_PAID = "首次保养"
COMPLAINT_WARRANTY = "仪表灯亮，怠速抖动"
#: Counts so many answers that htmx has put into the page. In an object, or it would be awaited here already.
SETTLED = """count => ({promise: new Promise(done => document.addEventListener(
    'htmx:afterSettle', () => { count -= 1; if (count === 0) done(); }))})"""
REMARK = "Only the part is covered; please keep the old one."


# -- hands -----------------------------------------------------------------------------------------------------------


def sent(page, button):
    """Press a button that sends a form, and wait for the answer."""
    with page.expect_navigation():
        button.click()
    page.wait_for_load_state("load")


def send(page, form="main form[method=post]:has(.form-actions)"):
    sent(page, page.locator(f"{form} .form-actions button.btn-primary"))


def post(page, path):
    """Press the button of the form that goes to this address."""
    sent(page, page.locator(f"main form[action='{path}'] button[type=submit]"))


def follow(page, link):
    sent(page, link.first)


def enter(page, **values):
    """Type and choose by the names of the fields; what is folded is opened first."""
    folded = page.locator("main form details:not([open]) > summary")
    for _n in range(folded.count()):
        folded.first.click()
    for name, value in values.items():
        field = page.locator(f"main form[method=post] [name='{name}']")
        kind = field.first.evaluate("e => e.tagName === 'SELECT' ? 'select' : e.type")
        if kind == "select":
            asks = page.locator(f"main form select[hx-trigger*='#id_{name}']").count()
            if asks:
                # The selects below follow from this one and are filled anew; wait for the last of them.
                done = page.evaluate_handle(SETTLED, asks)
            field.select_option(value)
            if asks:
                page.evaluate("holder => holder.promise", done)
        elif kind in ("radio", "checkbox") and value is not True:
            page.locator(f"main form label:has([name='{name}'][value='{value}'])").click()
        elif kind == "checkbox":
            field.first.check()
        else:
            field.fill(value)


def refused(page, name):
    """The field is marked, has a message beside it, and the summary on top leads to it; gives the message."""
    field = page.locator(f"main form [name='{name}'][aria-invalid=true]")
    assert field.count() == 1, f"{name} is not marked"
    assert page.locator(f"[data-error-summary] a[href='#{field.get_attribute('id')}']").count() >= 1
    described = (field.get_attribute("aria-describedby") or "").split()
    words = " ".join(page.locator(f"#{one}").inner_text() for one in described if "error" in one)
    assert len(words) > 4
    return words


def until(somebody, path, ready, what):
    """Open a page again until it shows something; what must arrive from the other tier does so in seconds."""
    end = time.monotonic() + SECONDS
    while True:
        page = somebody.go(path)
        if ready(page):
            return page
        assert time.monotonic() < end, f"{path} does not show {what}"
        page.wait_for_timeout(300)


def shown(selector):
    return lambda page: page.locator(selector).count() > 0


def path_of(page):
    return urlparse(page.url).path


def look(somebody, name):
    somebody.check()
    somebody.shot(name)


# -- the story -------------------------------------------------------------------------------------------------------


def test_story(person):
    number = "139" + "".join(random.choices("0123456789", k=8))
    consultant = person("north", "sales_consultant")
    series, vins = a_series_in_stock(consultant)
    lead = the_desk_enters_a_lead(person, number, series)
    prospect = the_consultant_accepts(consultant, lead, number)
    customer = the_consultant_works(consultant, prospect)
    contract = the_customer_signs(consultant, prospect, vins)
    a_manager_approves(person, contract)
    vin = the_car_is_delivered(consultant, contract, customer)
    the_portal_knows_of_the_sale(person, lead, vin)
    order, claim = the_car_comes_to_the_workshop(person, number, customer, vin)
    the_analyst_decides(person, claim)
    the_adviser_reads_the_answer(person, order, claim)
    the_dealership_stops_names(person, consultant, customer, vin)


def a_series_in_stock(consultant):
    """A series of which cars stand here, and the VINs of the cars."""
    page = consultant.go("/stock/?state=in_stock")
    look(consultant, "stock")
    text = page.locator("main").inner_text().replace(" ", "")
    vins = re.findall(r"[A-HJ-NPR-Z0-9]{17}", text)
    assert vins, text
    page = consultant.go("/prospects/new/")
    offered = page.locator("select[name=series] option").evaluate_all("os => os.map(o => [o.value, o.textContent])")
    found = next((value for value, name in offered if value and name.split()[-1] in text), None)
    assert found, offered
    return found, vins


def the_desk_enters_a_lead(person, number, series):
    """A wrong number is refused and nothing typed is lost; then the rules offer the lead to north."""
    desk = person("portal", "lead_desk", screen="desktop", language="en")
    page = desk.go("/leads/new/")
    enter(page, phone="1391234", name="沈听雨", brand=series.split("-")[0])
    enter(page, series=series, province="11", wish_text=WISH)
    enter(page, city="1101")
    send(page)
    words = refused(page, "phone")
    assert "number cannot be dialled" in words, words
    assert page.input_value("[name=phone]") == "1391234"
    assert page.input_value("[name=wish_text]") == WISH
    assert page.input_value("[name=series]") == series
    look(desk, "lead-refused")
    enter(page, phone=f"{number[:3]} {number[3:7]} {number[7:]}")
    send(page)
    path = path_of(page)
    lead = path.strip("/").split("/")[-1]
    page = until(desk, path, lambda p: "North" in p.locator("main").inner_text(), "that north was asked")
    look(desk, "lead-offered")
    return lead


def the_consultant_accepts(consultant, lead, number):
    """On top of today's list, without a name; one tap, and the number can be called."""
    mine = f"section:first-of-type a[href='/leads/{lead}/']"
    page = until(consultant, "/today/", shown(f"main {mine}"), "the lead in the first section")
    assert number not in page.content()
    look(consultant, "today-with-lead")
    page.locator(f"main {mine}").first.click()
    page.wait_for_url(f"**/leads/{lead}/")
    assert number not in page.content()
    assert page.locator("main a[href^='tel:']").count() == 0
    words = page.locator("main").inner_text()
    assert "北京市" in words
    assert not re.search(r"\b1101\b|\b[A-Z]{2}-[A-Z]{2}\b", words), "codes instead of names"
    look(consultant, "lead-offered")
    post(page, f"/leads/{lead}/accept/")
    assert page.locator(f"main a[href='tel:+86{number}']").count() >= 1
    look(consultant, "accepted")
    if not path_of(page).startswith("/prospects/"):
        follow(page, page.locator("main a.btn-primary[href^='/prospects/']"))
    return path_of(page)


def the_consultant_works(consultant, prospect):
    """A call with its result and the next day, all items, a consent, a test drive."""
    page = consultant.go(f"{prospect}follow-up/")
    intended = date.today() + timedelta(days=20)
    enter(page, by="phone", result="appointment", when="day", likes_brand="True")
    send(page)
    refused(page, "next_on")
    enter(page, next_on=(date.today() + timedelta(days=2)).isoformat(), note="周六上午到店")
    look(consultant, "follow-up")
    send(page)
    assert path_of(page) == prospect
    page = consultant.go(f"{prospect}edit/")
    enter(page, customer_type="first_purchase", kind="individual", sex="female", surname="沈", given_name="听雨")
    enter(page, likes_brand="True", intended_on=intended.isoformat(), no_present_vehicle=True)
    if not page.input_value("[name=model]"):
        page.locator("[name=model]").select_option(index=1)
    look(consultant, "items")
    send(page)
    assert path_of(page) == prospect
    assert page.locator("main progress, main [role=progressbar]").count() >= 1
    assert page.locator("main li .chip.tone-warning").count() == 0
    look(consultant, "qualified")
    customer = page.locator("main a[href^='/customers/']").first.get_attribute("href")
    the_customer_agrees(consultant, customer)

    page = consultant.go(f"{prospect}test-drive/")
    enter(page)
    send(page)
    drive = page.locator("main a[href^='/test-drives/']")
    if not path_of(page).startswith("/test-drives/"):
        follow(page, drive)
    look(consultant, "test-drive")
    enter(page, licence_seen=True, result="liked", note="喜欢加速")
    send(page, "main form:has([name=licence_seen])")
    assert page.locator("main [aria-invalid=true]").count() == 0
    return customer


def the_customer_agrees(consultant, customer):
    """The consent to be cared for by the manufacturer: read on the tablet, and signed with the finger."""
    page = consultant.go(customer)
    follow(page, page.locator("main a[href*='/consents/ask/customer_care/manufacturer/']"))
    enter(page, channels="phone", means="signature")
    look(consultant, "consent")
    frame = page.locator("[data-signature] canvas").bounding_box()
    page.mouse.move(frame["x"] + 20, frame["y"] + 40)
    page.mouse.down()
    page.mouse.move(frame["x"] + 120, frame["y"] + 60, steps=5)
    page.mouse.up()
    assert '"lines"' in page.locator("input[name=signature]").input_value()
    sent(page, page.locator("main button[name=answer][value=granted]"))
    assert path_of(page) == customer


def the_customer_signs(consultant, prospect, vins):
    """A quotation over a car that stands here, then the contract."""
    page = consultant.go(f"{prospect}quotation/")
    offered = page.locator("select[name=vehicle] option").evaluate_all("os => os.map(o => [o.value, o.textContent])")
    here = next((value for value, name in offered if any(vin[-6:] in name for vin in vins)), None)
    assert here, (offered, vins)
    enter(page, vehicle=here, discount="2000", insurance="4800")
    look(consultant, "quotation-form")
    send(page)
    assert path_of(page).startswith("/quotations/"), page.locator("main").inner_text()
    look(consultant, "quotation")
    quotation = path_of(page)
    page = consultant.go(f"{quotation}sign/")
    enter(page, deposit="10000")
    send(page)
    assert path_of(page).startswith("/contracts/"), page.locator("main").inner_text()
    look(consultant, "contract")
    contract = path_of(page)
    assert page.locator(f"form[action='{contract}approve/']").count() == 0
    return contract


def a_manager_approves(person, contract):
    """The sales manager up to the limit, the general manager above it."""
    manager = person("north", "sales_manager")
    page = manager.go(contract)
    look(manager, "contract")
    if page.locator(f"form[action='{contract}approve/']").count() == 0:
        manager = person("north", "general_manager")
        page = manager.go(contract)
        look(manager, "contract")
    post(page, f"{contract}approve/")
    assert page.locator(f"form[action='{contract}approve/']").count() == 0


def the_car_is_delivered(consultant, contract, customer):
    """Nothing leaves before the list is done; then the customer owns the car."""
    page = consultant.go(f"{contract}deliver/")
    send(page)
    assert page.locator("[data-error-summary] a[href='#id_checklist'], [data-error-summary]").count() >= 1
    look(consultant, "delivery-refused")
    for box in page.locator("main [name=checklist]").all():
        box.check()
    enter(page, odometer_km="12", plate="京A" + "".join(random.choices("123456789", k=5)))
    look(consultant, "delivery")
    send(page)
    assert path_of(page).startswith("/deliveries/"), page.locator("main").inner_text()
    look(consultant, "delivered")
    vin = page.locator("main [data-copy]").first.get_attribute("data-copy")
    page = consultant.go(customer)
    assert vin in page.locator("main").inner_text().replace(" ", "")
    look(consultant, "owner")
    return vin


def the_portal_knows_of_the_sale(person, lead, vin):
    """The lead is won, and the car with its sale is known."""
    desk = person("portal", "lead_desk", screen="desktop", language="en")
    until(desk, f"/leads/{lead}/", lambda p: "Won" in p.locator(".page-head").inner_text(), "that the lead is won")
    look(desk, "lead-won")
    analyst = person("portal", "crm_analyst", screen="desktop", language="en")
    page = until(analyst, f"/vehicles/{vin}/", lambda p: "沈听雨" in p.locator("main").inner_text(), "the owner")
    assert vin in page.locator("main").inner_text().replace(" ", "")
    look(analyst, "vehicle")


def the_car_comes_to_the_workshop(person, number, customer, vin):
    """Booked, arrived, repaired, closed; the visit goes up and the claim is sent."""
    adviser = person("north", "service_adviser")
    page = adviser.go("/customers/new/")
    page.locator("main [name=phone]").press_sequentially(number)
    known = page.locator("#duplicates .btn")
    known.wait_for()
    look(adviser, "known-already")
    sent(page, known)
    page = adviser.go(f"/appointments/new/?q={vin[-6:]}")
    look(adviser, "find-car")
    follow(page, page.locator("main a[href*='vehicle=']"))
    booked = date.today() + timedelta(days=1)
    enter(page, starts_at=f"{booked.isoformat()}T09:30", kind="maintenance", wish=COMPLAINT_PAID)
    look(adviser, "appointment-form")
    send(page)
    assert path_of(page) == "/appointments/"
    look(adviser, "appointments")
    follow(page, page.locator(f"article:has(a[href='{customer}']) a[href$='/arrive/']"))

    enter(page, odometer_km="5", complaints=f"{COMPLAINT_PAID}\n{COMPLAINT_WARRANTY}")
    send(page)
    words = refused(page, "odometer_km")
    assert "12" in words, words
    assert COMPLAINT_WARRANTY in page.input_value("[name=complaints]")
    look(adviser, "mileage-refused")
    enter(page, odometer_km="1200")
    send(page)
    order = path_of(page)
    assert order.startswith("/repair-orders/")
    look(adviser, "order-open")
    jobs = [job.get_attribute("id").removeprefix("job-") for job in page.locator("section[id^='job-']").all()]
    assert len(jobs) == 2
    post(page, f"{order}start/")
    for job, cause, correction in (
        (jobs[0], "到保养里程", "更换机油和滤清器"),
        (jobs[1], "点火线圈失效", "更换点火线圈"),
    ):
        page = adviser.go(f"/repair-orders/jobs/{job}/edit/")
        enter(page, cause=cause, correction=correction)
        if job == jobs[1]:
            enter(page, fault_code="P0300")
        send(page)
    add_line(adviser, jobs[0], "labour", "customer")
    add_line(adviser, jobs[1], "labour", "warranty")
    add_line(adviser, jobs[1], "part", "warranty", causal=True)
    page = adviser.go(order)
    look(adviser, "order-in-work")
    page = adviser.go(f"{order}close/")
    look(adviser, "order-close")
    sent(page, page.locator("main form[method=post] button.btn-primary"))
    assert path_of(page) == order
    claim = page.locator("main a[href^='/claims/']").first.get_attribute("href")
    look(adviser, "order-closed")
    page = adviser.go(claim)
    look(adviser, "claim-draft")
    assert page.locator(f"form[action='{claim}submit/']").count() == 1, page.locator("main").inner_text()
    post(page, f"{claim}submit/")
    assert page.locator(f"form[action='{claim}submit/']").count() == 0
    look(adviser, "claim-sent")

    crm = person("portal", "crm_analyst", screen="desktop", language="en")
    until(crm, f"/vehicles/{vin}/", shown("main a[href^='/service-visits/']"), "the visit")
    look(crm, "vehicle-with-visit")
    return order, claim


def add_line(adviser, job, kind, pay, causal=False):
    """Take the first entry of the catalogue."""
    page = adviser.go(f"/repair-orders/jobs/{job}/lines/new/?kind={kind}&pay={pay}")
    entry = page.locator("#entries form").first
    if causal:
        entry.locator("[name=causal]").check()
    look(adviser, f"line-{kind}-{pay}")
    sent(page, entry.locator("button[type=submit]"))
    assert path_of(page).startswith("/repair-orders/")


def the_analyst_decides(person, claim):
    """The part in full, the labour not: with a reason, which is asked for where it is missing."""
    analyst = person("portal", "warranty_analyst", screen="desktop", language="en")
    page = until(analyst, claim, shown("main form#decide"), "the claim")
    look(analyst, "claim-to-decide")
    outcomes = page.locator("main [name^='outcome-'][value=approved]")
    keys = [one.get_attribute("name").removeprefix("outcome-") for one in outcomes.all()]
    assert len(keys) == 2
    refuse, approve = keys
    page.locator(f"label[for='outcome-{approve}-approved']").click()
    page.locator(f"[name='reason_code-{approve}']").select_option("")
    page.locator(f"label[for='outcome-{refuse}-refused']").click()
    page.locator(f"[name='reason_code-{refuse}']").select_option("")
    page.locator(f"[name='reason_text-{refuse}']").fill(REMARK)
    button = page.locator("main button[form=decide][name=way][value=entered]")
    sent(page, button)
    assert page.locator(f"[name='reason_code-{refuse}'][aria-invalid=true]").count() == 1
    assert page.input_value(f"[name='reason_text-{refuse}']") == REMARK
    look(analyst, "decision-refused")
    page.locator(f"[name='reason_code-{refuse}']").select_option(index=1)
    sent(page, button)
    page = analyst.go(claim)
    assert page.locator("main form#decide").count() == 0
    look(analyst, "decided")


def the_adviser_reads_the_answer(person, order, claim):
    """The answer stands on the claim and on the repair order, with the analyst's words."""
    adviser = person("north", "service_adviser")
    page = until(adviser, claim, lambda p: REMARK in p.locator("main").inner_text(), "the decision")
    look(adviser, "claim-decided")
    page = adviser.go(order)
    assert page.locator(f"main a[href='{claim}']").count() == 1
    look(adviser, "order-decided")


def the_dealership_stops_names(person, consultant, customer, vin):
    """The switch to counts holds from the next change on, and the ledger says so."""
    manager = person("north", "general_manager")
    card = "main section:has(a[href='/sharing/ledger/?contract=Owner'])"
    page = manager.go("/sharing/")
    look(manager, "switchboard")
    try:
        choose_level(page, card, "counts")
        look(manager, "switchboard-counts")
        ledger = manager.go("/sharing/ledger/?contract=Owner")
        before = ledger.locator("main").inner_text()
        page = consultant.go(f"{customer}edit/")
        enter(page, address=f"学院路 {random.randint(1, 999)} 号")
        send(page)
        page = until(
            manager,
            "/sharing/ledger/?contract=Owner",
            lambda p: p.locator("main").inner_text() != before,
            "what was kept back",
        )
        look(manager, "ledger")
        latest = page.locator("main tbody a[href^='/sharing/ledger/']").first
        assert latest.inner_text().startswith(vin)
        follow(page, latest)
        fields = page.locator("main tbody tr").all()
        assert len(fields) > 10
        assert {field.locator("td, th").nth(2).inner_text().strip() for field in fields} == {"–"}
        assert all(len(field.locator("td, th").nth(3).inner_text()) > 4 for field in fields), "a reason for each field"
        look(manager, "ledger-message")
    finally:
        page = manager.go("/sharing/")
        if page.locator(f"{card} button[name=level][value=full]").count():
            choose_level(page, card, "full")


def choose_level(page, card, level):
    page.locator(f"{card} button[name=level][value={level}]").click()
    sent(page, page.locator("#confirm button[value=yes]"))
    assert page.locator(f"{card} button[name=level][value={level}]").count() == 0


def test_a_wrong_vin_is_refused_with_its_remedy(person):
    """A digit too few, then a wrong check digit: what is wrong stands beside the field and what was typed stays."""
    clerk = person("north", "stock_clerk")
    page = clerk.go("/stock/new/")
    enter(page, vin="LXH1234567890", location="北区 3 号")
    send(page)
    assert "17" in refused(page, "vin")
    assert page.input_value("[name=location]") == "北区 3 号"
    look(clerk, "vin-short")
    good = "LXHA1234" + "0" + "N0" + "".join(random.choices("0123456789", k=6))
    right = check_digit(good)
    wrong = next(digit for digit in "0123456789" if digit != right)
    enter(page, vin=good[:8] + wrong + good[9:])
    send(page)
    refused(page, "vin")
    look(clerk, "vin-check-digit")
