"""The lead hub's codes in words: channels, interests, reasons, rules and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kernel.automotive import regions
from kernel.reference.queries import brand_name, series_name
from oem.network.queries import region_name


class Interest(models.TextChoices):
    """What is wanted with the car (ADF 1.0, `vehicle/@interest`)."""

    BUY = "buy", _("Buy")
    TEST_DRIVE = "test-drive", _("Test drive")
    LEASE = "lease", _("Lease")
    TRADE_IN = "trade-in", _("Trade in")
    SELL = "sell", _("Sell")


#: Why a dealership was not considered (routing.decide).
EXCLUSIONS = {
    "not_authorised": _("May not sell this car"),
    "declined": _("Declined this lead before"),
    "expired": _("Did not answer this lead before"),
}

#: Why the chosen dealership was chosen, or why nobody was.
CHOICES = {
    "named_in_lead": _("The customer named this dealership."),
    "territory_city": _("The city belongs to its territory."),
    "same_city": _("It stands in the same city."),
    "territory_province": _("The province belongs to its territory."),
    "same_province": _("It stands in the same province."),
    "fewest_open_leads": _("The place says nothing; it has the fewest open leads."),
    "by_hand": _("The lead desk chose it."),
    "nobody_left": _("Every dealership that may sell this car declined or did not answer."),
    "nobody_may": _("No active dealership may sell this car."),
}

#: What dealerships answer with a refusal or a loss, and why the hub itself set a lead aside.
REASONS = {
    "no_capacity": _("No consultant is free"),
    "out_of_area": _("Too far away"),
    "not_sold_here": _("This car is not sold there"),
    "already_customer": _("Already in contact elsewhere"),
    "not_serious": _("Not a serious enquiry"),
    "other_brand": _("Bought another brand"),
    "other_dealer": _("Bought from another dealer"),
    "price": _("The price"),
    "not_buying": _("Does not buy any more"),
    "not_reached": _("Could not be reached"),
    "wrong_number": _("The number is wrong"),
    "no_car": _("No suitable car"),
    "other": _("Another reason"),
    "unreadable": _("The document could not be read"),
    "nobody_left": _("Everyone declined or did not answer"),
    "nobody_may": _("Nobody may sell this car"),
    "routing_failed": _("The rules could not be applied"),
    "dealership_unreachable": _("The dealership cannot be reached"),
    "dealership_left": _("The dealership has left the network"),
}


class Happening(NamedTuple):
    """How an event of the timeline looks; `title` takes the name of a dealership where it has a place for one."""

    icon: str
    tone: str
    title: Any


EVENTS: dict[str, Happening] = {
    "received": Happening("inbox", "info", _("Received")),
    "needs_review": Happening("triangle-alert", "warning", _("Set aside for a person")),
    "duplicate": Happening("copy", "neutral", _("Recognised as a duplicate")),
    "seen_again": Happening("copy", "neutral", _("The same wish arrived again")),
    "completed": Happening("pencil", "info", _("Completed by hand")),
    "by_hand": Happening("user-check", "info", _("A dealership was chosen by hand")),
    "offered": Happening("send", "info", _("Offered to %(dealership)s")),
    "desk": Happening("triangle-alert", "warning", _("%(dealership)s cannot be reached: the desk decides")),
    "expired": Happening("timer", "warning", _("%(dealership)s did not answer in time")),
    "recalled": Happening("undo-2", "neutral", _("Taken back from %(dealership)s")),
    "closed": Happening("archive", "neutral", _("Closed at the desk")),
    "accepted": Happening("check", "success", _("%(dealership)s accepted")),
    "declined": Happening("x", "warning", _("%(dealership)s declined")),
    "contacted": Happening("phone", "info", _("First contact")),
    "appointment": Happening("calendar-check", "info", _("Appointment made")),
    "test_drive": Happening("car", "info", _("Test drive")),
    "quoted": Happening("file-text", "info", _("Quotation made")),
    "contracted": Happening("file-check", "success", _("Contract signed")),
    "won": Happening("badge-check", "success", _("Won: the car was delivered")),
    "lost": Happening("circle-x", "neutral", _("Lost")),
    "returned": Happening("undo-2", "warning", _("%(dealership)s gave the lead back")),
}
UNKNOWN_EVENT = Happening("circle", "neutral", _("Something happened"))


def word(table: Mapping[str, Any], code: str) -> str:
    """The words for a code; an unknown code stands as it is."""
    return str(table.get(code) or code)


def interest_name(code: str) -> str:
    """An interest in words."""
    return str(Interest(code).label) if code in Interest.values else code


def rule_in_words(code: str, wish: Mapping[str, Any], candidate: Mapping[str, Any]) -> str:
    """What a rule of routing found, with the values it looked at (`wish` and `candidate` as they were kept)."""
    city, province = region_name(wish.get("city") or ""), region_name(wish.get("province") or "")
    match code:
        case "named_in_lead":
            return gettext("The customer named it: “%(name)s”") % {"name": wish.get("vendor_name", "")}
        case "territory_city":
            return gettext("%(place)s belongs to its territory") % {"place": city}
        case "territory_province":
            return gettext("%(place)s belongs to its territory") % {"place": province}
        case "same_city":
            return gettext("It stands in %(place)s") % {"place": city}
        case "same_province":
            return gettext("It stands in %(place)s") % {"place": province}
        case "series_capability":
            return gettext("It may sell %(car)s in particular") % {"car": series_name(wish.get("series") or "")}
        case "brand_capability":
            return gettext("It may sell %(car)s") % {"car": brand_name(wish.get("brand") or "")}
        case "load":
            return gettext("It has %(n)s open leads") % {"n": candidate.get("open_leads", 0)}
    return code


def place_of(province: str, city: str, district: str) -> str:
    """Where somebody lives, as people say it; codes of GB/T 2260, any may be empty."""
    names = list(dict.fromkeys(region_name(code) for code in (province or city[:2], city, district) if code))
    return "".join(names) if all(not name.isascii() for name in names) else ", ".join(reversed(names))


def districts_of(city: str) -> list[tuple[str, str]]:
    """The districts of a city: code and name."""
    above = regions.find_region(city, level="city") if city else None
    return [(region.code, region.name) for region in regions.children(above)] if above else []
