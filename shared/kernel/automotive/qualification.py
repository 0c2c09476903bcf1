"""The eleven items that make a prospect qualified: 11项信息 (R-LEAD-10, R-LEAD-11)."""

from collections.abc import Mapping

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Item(TextChoices):
    """In the order of R-LEAD-10."""

    SALES_CONSULTANT = "sales_consultant", _("Sales consultant")
    CUSTOMER_TYPE = "customer_type", _("Customer type")
    CUSTOMER_SOURCE = "customer_source", _("Customer source")
    PARTY_KIND = "party_kind", _("Individual or company")
    SEX = "sex", _("Sex")
    SURNAME = "surname", _("Surname")
    PHONE = "phone", _("Telephone number")
    PRESENT_VEHICLE = "present_vehicle", _("Brand and model of the present vehicle")
    INTENDED_ON = "intended_on", _("Intended purchase date")
    WANTED_VEHICLE = "wanted_vehicle", _("Series and model of interest")
    CONTACT_AND_PLAN = "contact_and_plan", _("Contact result and next contact plan")


# The keys that must all hold a value for an item to be there.
KEYS: dict[Item, tuple[str, ...]] = {
    Item.SALES_CONSULTANT: ("sales_consultant",),
    Item.CUSTOMER_TYPE: ("customer_type",),
    Item.CUSTOMER_SOURCE: ("customer_source",),
    Item.PARTY_KIND: ("party_kind",),
    Item.SEX: ("sex",),
    Item.SURNAME: ("surname",),
    Item.PHONE: ("phone",),
    Item.PRESENT_VEHICLE: ("present_brand", "present_model"),
    Item.INTENDED_ON: ("intended_on",),
    Item.WANTED_VEHICLE: ("wanted_series", "wanted_model"),
    Item.CONTACT_AND_PLAN: ("contact_result", "next_contact_plan"),
}
NO_PRESENT_VEHICLE = "no_present_vehicle"


def missing_items(prospect: Mapping[str, object]) -> list[Item]:
    """Items of `prospect` that are not there yet, in order; none missing = qualified.

    Keys as in `KEYS`; values of any kind. None, blank text, empty collections and the text "unknown" are no
    values. A true `no_present_vehicle` answers the question for the present car: the customer has none.
    For a company, sex and surname are those of its contact person (R-LEAD-36).
    """
    return [item for item, keys in KEYS.items() if not _is_there(item, keys, prospect)]


def is_qualified(prospect: Mapping[str, object]) -> bool:
    """R-LEAD-11: qualified only if all eleven items are there."""
    return not missing_items(prospect)


def _is_there(item: Item, keys: tuple[str, ...], prospect: Mapping[str, object]) -> bool:
    if item is Item.PRESENT_VEHICLE and prospect.get(NO_PRESENT_VEHICLE) is True:
        return True
    return all(_has_value(prospect.get(key)) for key in keys)


def _has_value(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() not in ("", "unknown")
    return value is not None and value != [] and value != () and value != {}
