"""The browser's tests: a running demo network, the system's Chromium, phone and desktop, Chinese and English.

Screenshots are kept under artifacts/screenshots/<role>/ and gathered on one contact sheet per role. Without Chromium
the tests fail with the line to type.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "screenshots"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: The languages as pages name them to browsers and screen readers.
TAGS = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant", "en": "en"}
VIEWPORTS = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}
SCALE = os.environ.get("DEALERNET_BROWSER_SCALE", "0.05")


#: Controls that a thumb cannot hit: below 44 by 44 pixels, links in a line of other words apart (WCAG 2.2, 2.5.5).
SMALL = """() => {
    const found = [];
    const controls = "a[href], button, summary, input:not([type=hidden]), select, textarea";
    for (const one of document.querySelectorAll(controls)) {
        const own = /checkbox|radio/.test(one.type || "") && one.closest("label") || one;
        const after = getComputedStyle(one, "::after");
        const stretched = after.content !== "none" && after.position === "absolute" && after.inset === "0px";
        let box = own;
        while (stretched && getComputedStyle(box).position === "static" && box.parentElement) box = box.parentElement;
        const { width, height } = box.getBoundingClientRect();
        const seen = own.checkVisibility({ visibilityProperty: true }) && own.getBoundingClientRect().height > 1;
        const words = one.parentElement.textContent.trim().length > one.textContent.trim().length + 2;
        const inLine = one.tagName === "A" && getComputedStyle(one).display === "inline" && words;
        const apart = one.closest("dialog:not([open]), .cards thead, .skip, svg");
        if (seen && !inLine && !apart && (width < 43.5 || height < 43.5))
            found.push(`${one.outerHTML.slice(0, 90)} ${Math.round(width)}x${Math.round(height)}`);
    }
    return found;
}"""


@dataclass(frozen=True)
class Running:
    """A running network."""

    data: Path
    port: int
    people: list[dict[str, str]]

    def url(self, host: str, path: str = "/") -> str:
        return f"http://{host}.localhost:{self.port}{path}"

    def password(self, host: str, login: str) -> str:
        for person in self.people:
            if person["host"].split(".")[0] == host and person["login"] == login:
                return person["password"]
        raise LookupError(f"{login} at {host}")


def _free_port() -> int:
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@pytest.fixture(scope="session")
def network() -> Iterator[Running]:
    """`dealernet up --demo` in a folder of its own, or the running one that DEALERNET_BROWSER_DATA names."""
    given = os.environ.get("DEALERNET_BROWSER_DATA")
    if given:
        yield _running(Path(given))
        return
    folder = Path(tempfile.mkdtemp(prefix="dealernet-browser-"))
    folder.chmod(0o755)
    data = folder / "data"
    words = ["up", "--demo", "--scale", SCALE, "--data", str(data), "--port", str(_free_port())]
    process = subprocess.Popen(
        [sys.executable, "-m", "dealernet", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    reader: threading.Thread | None = None
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("READY "):
                break
        else:
            pytest.fail("the network did not start:\n" + "".join(lines[-40:]))
        reader = threading.Thread(target=lambda: [None for _ in process.stdout], daemon=True)
        reader.start()
        yield _running(data)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if reader is not None:
            reader.join(10)
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


def _running(data: Path) -> Running:
    port = json.loads((data / "network.json").read_text())["port"]
    return Running(data, port, json.loads((data / "sign-ins.json").read_text()))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("Chromium is missing. Type: sudo apt-get install -y chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


#: The cookies of those who have signed in: (port, host, login) → what a browser keeps.
SIGNED_IN: dict[tuple[int, str, str], Any] = {}


class Person:
    """Somebody signed in at one host, with one kind of screen and one language."""

    def __init__(
        self, network: Running, context: BrowserContext, host: str, login: str, screen: str, lang: str
    ) -> None:
        self.network, self.context = network, context
        self.host, self.login, self.screen, self.language = host, login, screen, lang
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self._shots = 0

    def _console(self, message: Any) -> None:
        if message.type == "error" and not re.search(r"status of (4\d\d)", message.text):
            self.errors.append(message.text)

    def go(self, path: str) -> Page:
        """Open a page of this host."""
        self.page.goto(self.network.url(self.host, path), wait_until="load")
        return self.page

    def sign_in(self) -> None:
        """Through the sign-in page, as anybody would; a second screen of the same person goes on with that."""
        kept = SIGNED_IN.get((self.network.port, self.host, self.login))
        if kept:
            self.context.add_cookies(kept)
            self.go("/account/")
            if "/sign-in" not in self.page.url:
                return
        self.go("/sign-in/")
        self.page.fill("input[name=login]", self.login)
        self.page.fill("input[name=password]", self.network.password(self.host, self.login))
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(lambda url: "/sign-in" not in url)
        SIGNED_IN[(self.network.port, self.host, self.login)] = self.context.cookies()

    def speak(self, language: str) -> None:
        """Switch the language through the menu's form."""
        page = self.page
        if page.locator("html").get_attribute("lang") == TAGS[language]:
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
        # By a selector: the page's policy forbids the eval that waiting for a function needs.
        page.locator(f"html[lang='{TAGS[language]}']").wait_for(state="attached")

    def shot(self, name: str) -> Path:
        """Keep a picture of the page."""
        self._shots += 1
        folder = ARTIFACTS / f"{self.host}-{self.login}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._shots:02d}-{name}-{self.screen}-{self.language}.png"
        self.page.screenshot(path=str(path), full_page=True)
        return path

    def check(self) -> None:
        """No script error, no sideways scroll, no list wider than its card, nothing too small for a thumb, no serious
        accessibility violation."""
        assert self.errors == [], self.errors
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, f"{self.page.url} scrolls sideways by {wide} pixels"
        cut = self.page.locator("[data-fit]").evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)")
        assert all(pixels <= 1 for pixels in cut), f"{self.page.url}: a list is wider than its card by {cut} pixels"
        small = self.page.evaluate(SMALL) if self.screen == "phone" else []
        assert small == [], f"{self.page.url}: too small for a thumb: {small}"
        found = [
            f"{v['id']}: {v['help']} {[n['target'] for n in v['nodes'][:3]]}"
            for v in Axe().run(self.page).response["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        assert found == [], f"{self.page.url}: {found}"


LANGUAGES = {"zh-hans": "zh-CN", "zh-hant": "zh-TW", "en": "en-GB"}


@pytest.fixture
def person(network: Running, browser: Browser) -> Iterator[Any]:
    """`person(host, login, screen="phone", language="zh-hans")` → a signed-in `Person`."""
    contexts: list[BrowserContext] = []

    def make(
        host: str, login: str, *, screen: str = "phone", language: str = "zh-hans", sign_in: bool = True
    ) -> Person:
        context = browser.new_context(
            viewport=VIEWPORTS[screen],
            locale=LANGUAGES[language],
            has_touch=screen == "phone",
            is_mobile=screen == "phone",
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        somebody = Person(network, context, host, login, screen, language)
        if sign_in:
            somebody.sign_in()
            somebody.speak(language)
        return somebody

    yield make
    for context in contexts:
        context.close()


def pytest_sessionfinish(session: Any, exitstatus: int) -> None:
    """One contact sheet per role."""
    from PIL import Image, ImageDraw

    if not ARTIFACTS.exists():
        return
    for folder in sorted(p for p in ARTIFACTS.iterdir() if p.is_dir()):
        pictures = sorted(folder.glob("*.png"))
        if not pictures:
            continue
        tiles = []
        for path in pictures:
            with Image.open(path) as picture:
                small = picture.convert("RGB")
                small.thumbnail((300, 900))
                tiles.append((path.stem, small))
        columns = 5
        height = max(tile.height for _name, tile in tiles) + 24
        rows = (len(tiles) + columns - 1) // columns
        sheet = Image.new("RGB", (columns * 312, rows * height), "white")
        draw = ImageDraw.Draw(sheet)
        for number, (name, tile) in enumerate(tiles):
            x, y = (number % columns) * 312, (number // columns) * height
            draw.text((x + 4, y + 4), name[:44], fill="black")
            sheet.paste(tile, (x + 4, y + 20))
        sheet.save(ARTIFACTS / f"{folder.name}.png")
