"""Choosing the dealership for a lead: by wish, brand, capability and region. A pure function with its reasons.

The rules are dated data; a decision keeps the version, the inputs and every candidate's marks, so that it can be
decided again (`decide` on the kept inputs gives the kept result).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

#: Points by rule. Version and date go together; a change is a new version.
RULES: dict[str, dict[str, int]] = {
    "2026-01-01": {
        "named_in_lead": 1000,
        "territory_city": 400,
        "same_city": 300,
        "territory_province": 200,
        "same_province": 150,
        "series_capability": 20,
        "brand_capability": 10,
        "load": -5,
    },
}
CURRENT = "2026-01-01"


@dataclass(frozen=True)
class Wish:
    """What of a lead decides. Region codes of GB/T 2260 (2 and 4 digits); "" for unknown."""

    brand: str
    series: str
    province: str
    city: str
    vendor_name: str
    #: "sells" for leads about cars, "services" for leads about the workshop.
    needs: str = "sells"


@dataclass(frozen=True)
class Candidate:
    """What of a dealership decides. `brands` and `series` are what it may do today for `needs`."""

    id: str
    slug: str
    names: tuple[str, ...]
    province: str
    city: str
    brands: tuple[str, ...]
    series: tuple[str, ...]
    territories: tuple[tuple[str, int], ...]
    open_leads: int
    #: Answers it gave to this lead before: "declined", "expired" or "".
    earlier: str = ""


@dataclass(frozen=True)
class Result:
    """The decision: `chosen` is the id of a dealership or None; `reason` a code for people and replay."""

    version: str
    chosen: UUID | None
    reason: str
    candidates: list[dict[str, Any]]


def decide(wish: Wish, candidates: list[Candidate], *, version: str = CURRENT) -> Result:
    """Mark every dealership and choose the best; ties go to the one with fewer open leads, then by slug.

    A dealership that may not do it, or that declined or let pass this lead before, is excluded, with the reason.
    """
    marked = [_mark(wish, candidate, RULES[version]) for candidate in candidates]
    marked.sort(key=lambda m: (m["excluded"] is not None, -m["score"], m["open_leads"], m["slug"]))
    best = next((m for m in marked if m["excluded"] is None), None)
    if best is None:
        reason = "nobody_left" if any(m["excluded"] in ("declined", "expired") for m in marked) else "nobody_may"
        return Result(version, None, reason, marked)
    hits = [rule["code"] for rule in best["rules"]]
    order = ("named_in_lead", "territory_city", "same_city", "territory_province", "same_province")
    reason = next((code for code in order if code in hits), "fewest_open_leads")
    return Result(version, UUID(best["dealership"]), reason, marked)


def _mark(wish: Wish, candidate: Candidate, points: dict[str, int]) -> dict[str, Any]:
    rules: list[dict[str, Any]] = []

    def hit(code: str, times: int = 1) -> None:
        if times:
            rules.append({"code": code, "points": points[code] * times})

    excluded = _exclusion(wish, candidate)
    if wish.vendor_name and _same_name(wish.vendor_name, candidate.names):
        hit("named_in_lead")
    regions = dict(candidate.territories)
    if wish.city and wish.city in regions:
        hit("territory_city")
    elif wish.province and wish.province in regions:
        hit("territory_province")
    if wish.city and wish.city == candidate.city:
        hit("same_city")
    elif wish.province and wish.province == candidate.province:
        hit("same_province")
    if wish.series and wish.series in candidate.series:
        hit("series_capability")
    elif wish.brand and wish.brand in candidate.brands:
        hit("brand_capability")
    hit("load", min(candidate.open_leads // 10, 10))
    return {
        "dealership": candidate.id,
        "slug": candidate.slug,
        "score": sum(rule["points"] for rule in rules),
        "rules": rules,
        "open_leads": candidate.open_leads,
        "excluded": excluded,
    }


def _exclusion(wish: Wish, candidate: Candidate) -> str | None:
    if candidate.earlier:
        return candidate.earlier
    if wish.series and wish.series in candidate.series:
        return None
    if wish.brand:
        return None if wish.brand in candidate.brands else "not_authorised"
    return None if candidate.brands or candidate.series else "not_authorised"


def _same_name(wanted: str, names: tuple[str, ...]) -> bool:
    bare = "".join(wanted.split()).casefold()
    return any(bare == "".join(name.split()).casefold() for name in names if name)


def kept(wish: Wish, candidates: list[Candidate]) -> dict[str, Any]:
    """The inputs of a decision as JSON."""
    return {"wish": asdict(wish), "candidates": [asdict(candidate) for candidate in candidates]}


def replay(inputs: dict[str, Any], *, version: str) -> Result:
    """Decide again from kept inputs."""
    wish = Wish(**inputs["wish"])
    candidates = [
        Candidate(
            **{
                **c,
                "names": tuple(c["names"]),
                "brands": tuple(c["brands"]),
                "series": tuple(c["series"]),
                "territories": tuple((region, rank) for region, rank in c["territories"]),
            }
        )
        for c in inputs["candidates"]
    ]
    return decide(wish, candidates, version=version)
