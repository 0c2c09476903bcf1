"""The catalogue of the demo's invented manufacturer, read from `data/*.csv` through the catalogue's own actions."""

from __future__ import annotations

import csv
from pathlib import Path

from kernel.accounts.actors import Actor
from kernel.reference.models import Publication
from kernel.reference.queries import publication
from oem.catalogue.actions import import_entries, publish
from oem.catalogue.nouns import NOUNS

DATA = Path(__file__).parent / "data"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a data file by column name."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def load(*, actor: Actor) -> Publication:
    """Bring the catalogue to what the files say and publish it. Bound to the portal; again it changes nothing."""
    for noun in NOUNS:
        import_entries(actor=actor, noun=noun, rows=rows(noun.key))
    published = publish(actor=actor) or publication()
    assert published is not None
    return published
