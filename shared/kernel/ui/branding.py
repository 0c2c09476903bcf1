"""A tenant's name, logo and colours, and the style sheet that carries the colours."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest

HEX = re.compile(r"^#[0-9a-fA-F]{6}$")
WHITE, INK = "#ffffff", "#18212f"
# WCAG 2.1, success criterion 1.4.3: text needs 4.5 : 1 against its ground.
ENOUGH = 4.5


@dataclass(frozen=True)
class Branding:
    """``primary`` and ``accent`` are ``#rrggbb`` or empty; ``logo_url`` may be empty."""

    name: str
    caption: str = ""
    logo_url: str = ""
    primary: str = ""
    accent: str = ""
    theme_version: str = ""

    @property
    def initial(self) -> str:
        return self.name[:1].upper() or "D"


Provider = Callable[[HttpRequest], Branding | None]
_providers: dict[str, Provider] = {}


def register(tier: str, provider: Provider) -> None:
    """``provider(request)`` gives the branding of a tier's tenant; it runs on every page."""
    _providers[tier] = provider


def branding_of(request: HttpRequest, tier: str | None) -> Branding:
    """The tenant's own branding, or its plain name where it has set none."""
    provider = _providers.get(tier or "")
    found = provider(request) if provider else None
    if found is not None:
        return found
    return Branding(name=getattr(getattr(request, "tenant", None), "name", "") or "Dealernet")


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.1)."""
    parts = []
    for at in (1, 3, 5):
        part = int(colour[at : at + 2], 16) / 255
        parts.append(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.1)."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def readable_on(ground: str) -> str:
    """White or ink, whichever reads better on ``ground``."""
    return WHITE if contrast(ground, WHITE) >= contrast(ground, INK) else INK


def darkened(colour: str, against: str = WHITE, ratio: float = ENOUGH) -> str:
    """``colour``, darkened as little as needed to be read as text on ``against``."""
    channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    for percent in range(100, -1, -2):
        candidate = "#" + "".join(f"{channel * percent // 100:02x}" for channel in channels)
        if contrast(candidate, against) >= ratio:
            return candidate
    return "#000000"


def theme(primary: str = "", accent: str = "") -> str:
    """CSS variables for a tenant's colours; colours that are not ``#rrggbb`` are left out.

    ``--brand`` is the colour as chosen (bars, logo tile); ``--color-primary`` is the same colour dark
    enough to carry white text and to be text on the page's grounds.
    """
    rules: list[str] = []
    if HEX.match(primary):
        # 5.2 and not 4.5, so that it also reads on the tinted grounds of chips and selections.
        strong = darkened(primary.lower(), ratio=5.2)
        rules += [
            f"--brand:{primary.lower()}",
            f"--brand-content:{readable_on(primary.lower())}",
            f"--color-primary:{strong}",
            f"--color-primary-content:{WHITE}",
        ]
    if HEX.match(accent):
        rules += [
            f"--color-accent:{darkened(accent.lower(), ratio=5.2)}",
            f"--color-accent-content:{WHITE}",
        ]
    # daisyUI sets its variables on :root:has(…), so ours need the same weight and a later place.
    return f":root,:root:root{{{';'.join(rules)}}}\n" if rules else "/* default colours */\n"
