"""Takes the pictures of docs/guide from a running demo network. A script, not a test; it changes nothing but sign-ins.

    dealernet up --demo --data DIR        # in another window; wait for READY
    DEALERNET_BROWSER_DATA=DIR .venv/bin/python tests/browser/guide.py [NAME …]

Without names it takes them all. It ends with status 1, naming what is missing, when a page does not open or has no
example of what the guide shows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "guide" / "pictures"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENS = {"phone": (390, 844), "desktop": (1280, 800), "half": (820, 844)}
LOCALES = {"zh-hans": "zh-CN", "en": "en-GB"}
#: What a picture may weigh, and in how many colours it may be kept; the first that fits is taken.
BYTES, COLOURS = 120_000, (256, 128, 64)

Step = Callable[[Page], None]


@dataclass(frozen=True)
class Picture:
    """One page as one person sees it; `steps` lead from its path to what is shown."""

    name: str
    host: str
    login: str
    screen: str
    language: str
    path: str
    steps: tuple[Step, ...] = ()


def follow(pattern: str, *, row: str = "", otherwise: str = "") -> Step:
    """Open the first link of the page's main part whose address matches and whose row (or card) matches too.

    Without one the page `otherwise` is looked at in the same way.
    """

    def step(page: Page) -> None:
        origin = re.sub(r"^(https?://[^/]+).*", r"\1", page.url)
        for path in ("", otherwise):
            if path:
                page.goto(origin + path, wait_until="load")
            address = page.evaluate(
                """([pattern, row]) => [...document.querySelectorAll('main a[href]')]
                    .filter(a => new RegExp('^' + pattern + '$').test(a.getAttribute('href')))
                    .filter(a => new RegExp(row).test((a.closest('tr, li, article') || a).innerText))
                    .map(a => a.getAttribute('href'))[0] || null""",
                [pattern, row],
            )
            if address:
                page.goto(origin + address, wait_until="load")
                return
        raise LookupError(f"no link {pattern} {row} on {page.url}")

    return step


def show(selector: str, above: int = 84) -> Step:
    """Scroll until the first such element stands near the upper edge."""

    def step(page: Page) -> None:
        page.locator(selector).first.evaluate(
            "(element, above) => window.scrollTo(0, element.getBoundingClientRect().top + window.scrollY - above)",
            above,
        )

    return step


def fill(**values: str) -> Step:
    """Write into fields without sending the form."""

    def step(page: Page) -> None:
        for name, value in values.items():
            page.fill(f"main [name={name}]", value)

    return step


ID = r"[^/?#]*[0-9][^/?#]*/"
#: A row that names a series of the invented manufacturer.
CAR = "(Yaochuan|曜川|Xinghe|星河) ."

PICTURES: tuple[Picture, ...] = (
    # -- the manufacturer's lead desk
    Picture("lead-desk-start", "portal", "lead_desk", "desktop", "en", "/"),
    Picture("lead-desk-leads", "portal", "lead_desk", "desktop", "zh-hans", "/leads/"),
    Picture(
        "lead-desk-lead",
        "portal",
        "lead_desk",
        "desktop",
        "en",
        "/leads/?state=offered",
        (follow("/leads/" + ID, row=CAR, otherwise="/leads/"),),
    ),
    Picture(
        "lead-desk-why",
        "portal",
        "lead_desk",
        "desktop",
        "zh-hans",
        "/leads/?state=offered",
        (follow("/leads/" + ID, row=CAR, otherwise="/leads/"), show("main h2 >> nth=2")),
    ),
    # -- sales
    Picture("consultant-today", "north", "sales_consultant", "phone", "zh-hans", "/today/"),
    Picture(
        "consultant-lead",
        "north",
        "sales_consultant",
        "phone",
        "en",
        "/leads/?state=offered",
        (follow("/leads/" + ID, row=CAR, otherwise="/leads/"),),
    ),
    Picture(
        "consultant-prospect", "north", "sales_consultant", "phone", "en", "/prospects/", (follow("/prospects/" + ID),)
    ),
    Picture(
        "consultant-follow-up",
        "north",
        "sales_consultant",
        "phone",
        "zh-hans",
        "/prospects/",
        (follow("/prospects/" + ID), follow("/prospects/.*/follow-up/")),
    ),
    Picture("sales-manager-today", "north", "sales_manager", "desktop", "en", "/today/"),
    Picture(
        "sales-manager-contract",
        "north",
        "sales_manager",
        "desktop",
        "zh-hans",
        "/contracts/",
        (follow("/contracts/" + ID),),
    ),
    # -- service
    Picture("adviser-today", "north", "service_adviser", "phone", "zh-hans", "/today/"),
    Picture("adviser-appointments", "north", "service_adviser", "phone", "en", "/appointments/"),
    Picture(
        "adviser-order",
        "north",
        "service_adviser",
        "phone",
        "zh-hans",
        "/repair-orders/",
        (follow("/repair-orders/" + ID),),
    ),
    Picture("adviser-claim", "north", "service_adviser", "phone", "en", "/claims/", (follow("/claims/" + ID),)),
    Picture("technician-job", "north", "technician", "phone", "en", "/today/", (follow("/repair-orders/.*"),)),
    # -- sharing
    Picture("sharing-switchboard", "north", "general_manager", "desktop", "en", "/sharing/"),
    Picture(
        "sharing-preview",
        "north",
        "general_manager",
        "desktop",
        "zh-hans",
        "/sharing/",
        (follow("/sharing/" + ID),),
    ),
    Picture(
        "sharing-ledger",
        "north",
        "general_manager",
        "desktop",
        "zh-hans",
        "/sharing/ledger/?contract=Owner",
    ),
    Picture(
        "sharing-message",
        "north",
        "general_manager",
        "desktop",
        "en",
        "/sharing/ledger/?contract=Owner&level=pseudonymous",
        (follow("/sharing/ledger/" + ID), show("main tbody tr >> nth=4")),
    ),
    # -- customer relations
    Picture("crm-customers", "north", "crm_manager", "desktop", "en", "/customers/"),
    Picture(
        "crm-customer",
        "north",
        "crm_manager",
        "desktop",
        "zh-hans",
        "/customers/",
        (follow("/customers/" + ID, row="20[0-9][0-9]款"),),
    ),
    # -- warranty
    Picture("warranty-worklist", "portal", "warranty_analyst", "desktop", "zh-hans", "/claims/"),
    Picture("warranty-claim", "portal", "warranty_analyst", "desktop", "en", "/claims/", (follow("/claims/" + ID),)),
    # -- figures
    Picture("figures-overview", "portal", "network_manager", "desktop", "en", "/insight/"),
    Picture("figures-leads", "portal", "network_manager", "desktop", "zh-hans", "/insight/leads/"),
    Picture("figures-dealership", "portal", "network_manager", "desktop", "en", "/insight/dealerships/north/"),
    Picture("figures-owners", "portal", "crm_analyst", "desktop", "zh-hans", "/owners/"),
    # -- people, tokens, exchange
    Picture("admin-people", "north", "it_admin", "desktop", "zh-hans", "/people/"),
    Picture(
        "admin-invite",
        "north",
        "it_admin",
        "desktop",
        "en",
        "/people/invite/",
        (fill(name="陈静", login="chenjing", email="chenjing@north.example.com"),),
    ),
    Picture("admin-tokens", "portal", "lead_desk", "desktop", "en", "/account/tokens/"),
    Picture("admin-exchange", "portal", "network_admin", "desktop", "en", "/exchange/"),
    Picture("admin-dealership", "portal", "network_admin", "desktop", "zh-hans", "/network/north/"),
)

#: The three screens of README.md, from left to right.
OVERVIEW: tuple[Picture, ...] = (
    Picture("overview", "north", "sales_consultant", "phone", "en", "/today/"),
    Picture("overview", "portal", "network_manager", "half", "en", "/insight/leads/"),
    Picture("overview", "north", "general_manager", "half", "en", "/sharing/"),
)


class Camera:
    """Signs people in and takes their pictures."""

    def __init__(self, browser: Browser, data: Path) -> None:
        self.browser = browser
        self.port = json.loads((data / "network.json").read_text())["port"]
        self.people = json.loads((data / "sign-ins.json").read_text())
        self._open: dict[tuple[str, str], tuple[BrowserContext, Page, str]] = {}

    def take(self, picture: Picture) -> Image.Image:
        """The picture. Raises LookupError when the page or its example is missing."""
        page = self._page(picture)
        width, height = SCREENS[picture.screen]
        page.set_viewport_size({"width": width, "height": height})
        self._go(page, picture.host, picture.path)
        for step in picture.steps:
            step(page)
        page.wait_for_load_state("networkidle")
        page.evaluate("document.fonts.ready")
        if page.locator("main").count() == 0:
            raise LookupError(f"{page.url} has no content")
        return Image.open(BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")

    def leave(self) -> None:
        """Give everybody the language back that they had, and close."""
        for (host, _who), (context, page, language) in self._open.items():
            self._go(page, host, "/")
            _speak(page, language)
            context.close()

    def _go(self, page: Page, host: str, path: str) -> None:
        answer = page.goto(f"http://{host}.localhost:{self.port}{path}", wait_until="load")
        if answer is None or answer.status != 200:
            raise LookupError(f"{page.url} answered {answer.status if answer else 'nothing'}")

    def _page(self, picture: Picture) -> Page:
        touch = picture.screen == "phone"
        key = (picture.host, f"{picture.login} {touch}")
        if key not in self._open:
            options: dict[str, Any] = {"has_touch": touch, "is_mobile": touch, "reduced_motion": "reduce"}
            context = self.browser.new_context(locale=LOCALES[picture.language], **options)
            context.set_default_timeout(15_000)
            page = context.new_page()
            self._sign_in(page, picture.host, picture.login)
            self._open[key] = (context, page, str(page.locator("html").get_attribute("lang")).lower())
        page = self._open[key][1]
        _speak(page, picture.language)
        return page

    def _sign_in(self, page: Page, host: str, login: str) -> None:
        found = [p["password"] for p in self.people if p["host"].split(".")[0] == host and p["login"] == login]
        if not found:
            raise LookupError(f"nobody signs in as {login} at {host}")
        self._go(page, host, "/sign-in/")
        page.fill("input[name=login]", login)
        page.fill("input[name=password]", found[0])
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)


def _speak(page: Page, language: str) -> None:
    """Switch the language through the menu's form."""
    if str(page.locator("html").get_attribute("lang")).lower() == language:
        return
    page.evaluate(
        """(language) => {
            const button = document.querySelector(`button[name="language"][value="${language}"]`);
            if (button) { button.form.requestSubmit(button); return; }
            const input = document.querySelector('[name="language"]');
            input.value = language; input.form.requestSubmit();
        }""",
        language,
    )
    page.wait_for_function("(wanted) => document.documentElement.lang.toLowerCase() === wanted", arg=language)


def side_by_side(pictures: list[Image.Image], *, height: int = 640, gap: int = 20) -> Image.Image:
    """The pictures in one row of this height, framed, on a light ground."""
    scaled = [p.resize((round(p.width * height / p.height), height), Image.Resampling.LANCZOS) for p in pictures]
    sheet = Image.new("RGB", (sum(p.width + gap for p in scaled) + gap, height + 2 * gap), "#dfe3e8")
    left = gap
    for picture in scaled:
        sheet.paste("#9aa4b1", (left - 1, gap - 1, left + picture.width + 1, gap + height + 1))
        sheet.paste(picture, (left, gap))
        left += picture.width + gap
    return sheet


def keep(image: Image.Image, name: str) -> int:
    """Write `name`.png with few colours. Returns its size in bytes. Raises ValueError when it stays too heavy."""
    for colours in COLOURS:
        file = BytesIO()
        image.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE).save(
            file, "PNG", optimize=True
        )
        if file.tell() < BYTES:
            (FOLDER / f"{name}.png").write_bytes(file.getvalue())
            return file.tell()
    raise ValueError(f"{name} weighs {file.tell()} bytes even in {COLOURS[-1]} colours")


def main(wanted: list[str]) -> int:
    """Take the pictures. Returns the exit status."""
    data = os.environ.get("DEALERNET_BROWSER_DATA")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not data or not chromium:
        print("Set DEALERNET_BROWSER_DATA to the data folder of a running demo network, and install Chromium.")
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    missing = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        camera = Camera(browser, Path(data))
        todo: list[tuple[str, tuple[Picture, ...]]] = [(one.name, (one,)) for one in PICTURES] + [
            ("overview", OVERVIEW)
        ]
        for name, pictures in todo:
            if wanted and name not in wanted:
                continue
            try:
                taken = [camera.take(picture) for picture in pictures]
                size = keep(taken[0] if len(taken) == 1 else side_by_side(taken), name)
                print(f"{name}.png {size // 1000} kB", flush=True)
            except (LookupError, ValueError) as problem:
                missing.append(name)
                print(f"{name}: {problem}", file=sys.stderr, flush=True)
        camera.leave()
        browser.close()
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
