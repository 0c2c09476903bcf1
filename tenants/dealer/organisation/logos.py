"""The dealership's logo: what people upload is never kept or served as it came.

It is decoded by Pillow from a short list of raster formats and written anew as PNG, which leaves behind everything
that is no pixel: scripts, metadata, a second file glued to the end. SVG is refused: it can carry scripts.
"""

from __future__ import annotations

import secrets
import warnings
from io import BytesIO
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from PIL import Image, UnidentifiedImageError

from kernel.errors import FieldError, Invalid, Text

MAX_BYTES = 1024 * 1024
MAX_PIXELS = 4000 * 4000
MAX_SIDE = 6000
#: Pillow's names of the formats that are read.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
#: A logo is shown 40 pixels high; this leaves room for screens with three pixels a point.
SHOWN_AS = (480, 160)


def cleaned(upload: IO[bytes], *, size: int) -> bytes:
    """An uploaded picture as a small PNG. Raises Invalid for field `logo` with what is wrong and the remedy."""
    if size > MAX_BYTES:
        raise _refusal("too_large", _("The file is larger than 1 MB. Save the logo smaller and try again."))
    body = upload.read(MAX_BYTES + 1)
    if not body:
        raise _refusal("empty", _("The file is empty. Choose another one."))
    if len(body) > MAX_BYTES:
        raise _refusal("too_large", _("The file is larger than 1 MB. Save the logo smaller and try again."))
    if b"<svg" in body[:4096].lower():
        raise _refusal("svg", _("SVG files can carry programs and are refused. Save the logo as PNG."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken metadata is left behind anyway
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(body), formats=FORMATS) as picture:
                if max(picture.size) > MAX_SIDE or picture.width * picture.height > MAX_PIXELS:
                    raise _refusal(
                        "too_many_pixels", _("The picture has too many pixels. Save it smaller, 4000 × 4000 at most.")
                    )
                picture.load()
                plain = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError,
            Image.DecompressionBombWarning):  # fmt: skip
        raise _refusal("not_a_picture", _("This is not a picture we can read. Save the logo as PNG or JPEG.")) from None
    plain.thumbnail(SHOWN_AS)
    out = BytesIO()
    plain.save(out, "PNG", optimize=True)
    return out.getvalue()


def _refusal(code: str, message: Text) -> Invalid:
    return Invalid([FieldError("logo", code, message)])


def folder(dealer_id: UUID) -> Path:
    """Where a dealership's files lie; no dealership's folder holds another's."""
    return Path(settings.MEDIA_ROOT) / str(dealer_id)


def store(dealer_id: UUID, picture: bytes) -> str:
    """Write a picture under a random name and return the name. The file is whole or not there."""
    place = folder(dealer_id)
    place.mkdir(parents=True, exist_ok=True, mode=0o750)
    name = f"logo-{secrets.token_hex(12)}.png"
    draft = place / f".{name}"
    draft.write_bytes(picture)
    draft.replace(place / name)
    return name


def read(dealer_id: UUID, name: str) -> bytes | None:
    """The stored picture; None when the file is gone."""
    try:
        return (folder(dealer_id) / name).read_bytes()
    except OSError:
        return None


def remove(dealer_id: UUID, name: str) -> None:
    """Delete a stored picture; nothing happens when it is gone."""
    if name:
        (folder(dealer_id) / name).unlink(missing_ok=True)
