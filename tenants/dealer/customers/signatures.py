"""Signatures on the tablet: strokes as lists of points, or the name typed by somebody who cannot draw.

    {"width": 600, "height": 200, "lines": [[[12, 80], [14, 83]], …]}      in units of the box it was drawn in
    {"name": "王芳"}

Nothing else is kept: no picture that could hold more than lines, and no pressure or speed, which would be biometric
data (PIPL art. 28).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from kernel.errors import Invalid

#: What is kept of one signature at most: so many points, in a box of so many units.
MOST_POINTS = 4000
MOST_UNITS = 4000
#: The longest JSON that can hold them.
MOST_CHARACTERS = 80_000


def _refusal() -> Invalid:
    return Invalid({"signature": _("The signature cannot be read. Clear it and sign again.")}, code="signature")


def read(text: str) -> dict[str, Any] | None:
    """What the page sent, or None for an empty box. Raises Invalid."""
    if not text.strip():
        return None
    if len(text) > MOST_CHARACTERS:
        raise _refusal()
    try:
        found = json.loads(text)
    except ValueError:
        raise _refusal() from None
    return checked(found) if isinstance(found, dict) and found.get("lines") != [] else None


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """A signature with nothing in it but lines, or a name. Raises Invalid."""
    name = given.get("name")
    if isinstance(name, str) and 0 < len(name.strip()) <= 120 and "\x00" not in name:
        return {"name": " ".join(name.split())}
    width, height, lines = given.get("width"), given.get("height"), given.get("lines")
    if not (_unit(width) and _unit(height) and width and height and isinstance(lines, list) and lines):
        raise _refusal()
    points = 0
    for line in lines:
        if not isinstance(line, list) or not line:
            raise _refusal()
        points += len(line)
        if points > MOST_POINTS:
            raise _refusal()
        for point in line:
            if not (isinstance(point, list) and len(point) == 2 and all(_unit(one) for one in point)):
                raise _refusal()
    return {"width": width, "height": height, "lines": lines}


def _unit(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_UNITS


def svg_path(signature: Mapping[str, Any]) -> str:
    """The `d` of an SVG path through the strokes; a single point is a dot."""
    return "".join(
        f"M{line[0][0]} {line[0][1]}" + "".join(f"L{x} {y}" for x, y in line[1:] or [line[0]])
        for line in signature["lines"]
    )
